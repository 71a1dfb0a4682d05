/** Who is signed in: tokens, and their renewal. Knows nothing of the queue, and nothing here touches it. */
import type { Session, User } from '../wire/types.js'
import { type Api, type Call, Refused, type Reply } from './api.js'

export interface Tokens {
  userId: string
  accessToken: string
  refreshToken: string
}

/** Where tokens outlive the app: the keychain (`expo-secure-store`, `react-native-keychain`). */
export interface Vault {
  load(): Promise<Tokens | null>
  save(tokens: Tokens | null): Promise<void>
}

/** Forgets at the end of the process: whoever opens the app signs in again. */
export function memoryVault(): Vault {
  let held: Tokens | null = null
  return {
    load: async () => held,
    save: async (tokens) => {
      held = tokens
    },
  }
}

/** The session has ended; signing in again goes on where it was. The queue and all edits stay. */
export class SignedOut extends Error {
  override readonly name = 'SignedOut'
}

const EXPIRED = new Set(['token_expired', 'unauthenticated'])

export class SessionKeeper {
  private tokens: Tokens | null = null
  private renewal: Promise<Tokens> | null = null

  constructor(
    private readonly api: Api,
    private readonly vault: Vault,
  ) {}

  async open(): Promise<void> {
    this.tokens = await this.vault.load()
  }

  /** Whose tokens these are, or null. */
  get userId(): string | null {
    return this.tokens?.userId ?? null
  }

  async login(email: string, password: string, deviceId: string): Promise<{ user: User; tokens: Tokens }> {
    const body = { email, password, deviceId }
    const reply = await this.api.call({ method: 'POST', path: '/api/v1/auth/login', body })
    const session = reply.body as Session
    return { user: session.user, tokens: tokensOf(session) }
  }

  async adopt(tokens: Tokens): Promise<void> {
    this.tokens = tokens
    await this.vault.save(tokens)
  }

  async logout(): Promise<void> {
    const refreshToken = this.tokens?.refreshToken
    await this.forget()
    const body = refreshToken === undefined ? {} : { refreshToken }
    // Best effort: without a network the session ends by age.
    await this.api.call({ method: 'POST', path: '/api/v1/auth/logout', body }).catch(() => undefined)
  }

  /** A call with the token; an expired one is renewed, and the call repeated once. @throws SignedOut */
  async call(call: Call): Promise<Reply> {
    const { accessToken } = this.present()
    try {
      return await this.api.call({ ...call, token: accessToken })
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 401) throw error
      if (!EXPIRED.has(error.code)) await this.end(error)
      const renewed = await this.renew(accessToken)
      return await this.api.call({ ...call, token: renewed.accessToken })
    }
  }

  /** The token for a stream. @throws SignedOut */
  token(): string {
    return this.present().accessToken
  }

  /** Renews, once for all who ask at the same time, unless `stale` was renewed already. @throws SignedOut */
  async renew(stale: string): Promise<Tokens> {
    const now = this.present()
    if (now.accessToken !== stale) return now
    this.renewal ??= this.refresh(now).finally(() => {
      this.renewal = null
    })
    return this.renewal
  }

  private async refresh(held: Tokens): Promise<Tokens> {
    const body = { refreshToken: held.refreshToken }
    try {
      const reply = await this.api.call({
        method: 'POST',
        path: '/api/v1/auth/refresh',
        body,
      })
      const session = reply.body as Session
      // Kept before it is used: until it is used, the old one gives the same again.
      await this.adopt(tokensOf(session))
      return tokensOf(session)
    } catch (error) {
      if (error instanceof Refused && error.status === 401) await this.end(error)
      throw error
    }
  }

  private present(): Tokens {
    if (this.tokens === null) throw new SignedOut('nobody is signed in')
    return this.tokens
  }

  private async end(cause: Refused): Promise<never> {
    await this.forget()
    throw new SignedOut(cause.message)
  }

  private async forget(): Promise<void> {
    this.tokens = null
    await this.vault.save(null)
  }
}

function tokensOf({ user, accessToken, refreshToken }: Session): Tokens {
  return { userId: user.id, accessToken, refreshToken }
}
