/** The client: what an app holds. */
import { Approvals } from './approvals.js'
import { Catalogue } from './catalogue.js'
import { drawNode } from './clock/stamping.js'
import type { Environment } from './environment.js'
import { makeApi } from './net/api.js'
import { memoryVault, SessionKeeper, type Tokens, type Vault } from './net/session.js'
import type { OpenStream, Transport } from './net/transport.js'
import { Notices } from './notice-list.js'
import { Queue } from './queue-list.js'
import { Requests } from './requests.js'
import { type Ledger, openLedger, type Store } from './store/index.js'
import { Live } from './sync/live.js'
import { Loop, type Phase } from './sync/loop.js'
import { mayUse, type Progress, Round, WrongUser } from './sync/round.js'
import { SERVICES, type User } from './wire/types.js'

export interface ClientOptions {
  /** `https://budget.example.com`, without a slash at the end. */
  baseUrl: string
  store: Store
  transport: Transport
  environment: Environment
  /** Names this installation, and does not travel with a backup of the app's files; at most 128 characters. */
  deviceId: string
  /** Where tokens are kept between starts; without it, each start asks to sign in. */
  vault?: Vault
  /** Hears of news at once; without it the client polls. */
  openStream?: OpenStream
  /** How long an answer may take. */
  timeoutMs?: number
}

export interface Status {
  phase: Phase
  /** Why, where the phase is a failure. */
  error: Error | null
  /** Changes that the server has not settled. */
  queued: number
  /** Notices that nobody has acknowledged. */
  notices: number
  /** Whether news comes by itself. */
  live: boolean
  /** What the round under way has done so far. */
  progress: Progress | null
  /** When the last round ended well, Unix milliseconds of the device. */
  syncedAtMs: number | null
  user: { id: string; name: string } | null
}

export class Client {
  readonly requests: Requests
  readonly approvals: Approvals
  readonly catalogue: Catalogue
  readonly notices: Notices
  readonly queue: Queue

  private readonly loop: Loop
  private readonly live: Live
  private readonly listeners = new Set<() => void>()
  private progress: Progress | null = null
  private shown: Status | null = null
  private started = false

  constructor(
    private readonly ledger: Ledger,
    private readonly session: SessionKeeper,
    private readonly options: ClientOptions,
  ) {
    const { environment: env, baseUrl, openStream } = options
    const queued = () => {
      if (this.started) void this.loop.request('edit')
    }
    this.requests = new Requests(ledger, env, queued)
    this.approvals = new Approvals(ledger, env, queued)
    this.catalogue = new Catalogue(ledger)
    this.notices = new Notices(ledger, env, queued)
    this.queue = new Queue(ledger, queued)
    const round = new Round(
      env,
      ledger,
      session,
      (settled) => this.requests.settled(settled),
      (progress) => {
        this.progress = progress
        this.changed()
      },
    )
    this.loop = new Loop(env, ledger, round, () => this.changed())
    this.live = new Live(
      env,
      session,
      baseUrl,
      openStream ?? null,
      (reason) => void this.loop.request(reason),
      () => this.changed(),
      () => this.loop.heldMs(),
      (forMs, because) => this.loop.stayAway(forMs, because),
    )
    ledger.subscribe(() => this.changed())
  }

  /** Signs in. The queue stays whose it is. @throws Refused, Unreachable, WrongUser, StoreFailed */
  async login(email: string, password: string): Promise<User> {
    const { user, tokens } = await this.session.login(email, password, this.options.deviceId)
    await this.signIn(user, tokens)
    return user
  }

  /** The same with tokens that the app got by itself, by a biometric login for example. */
  async signIn(user: Pick<User, 'id' | 'name' | 'roles'>, tokens: Tokens): Promise<void> {
    const { deviceId, environment } = this.options
    await this.ledger.change((tx) => {
      const owner = tx.meta('user')
      if (owner !== undefined && owner.id !== user.id) throw new WrongUser()
      tx.setMeta('user', { id: user.id, name: user.name, roles: user.roles })
      drawNode(tx, environment, deviceId)
    })
    await this.session.adopt(tokens)
    this.loop.resume(this.started)
    if (this.started) this.listen()
  }

  /** Ends the session. What is queued stays, and is sent when the same person signs in again. */
  async logout(): Promise<void> {
    this.live.stop()
    await this.session.logout()
    this.loop.signedOut()
  }

  /** Begins to sync by itself: at edits, at news, and after failures. */
  start(): void {
    if (this.started) return
    this.started = true
    this.loop.setAutomatic(true)
    void this.loop.request('person')
    this.listen()
  }

  /** Stops syncing by itself (the app goes to the background). `sync` still works. */
  pause(): void {
    this.started = false
    this.loop.setAutomatic(false)
    this.live.stop()
    this.changed()
  }

  /** What the device's connectivity events say; as often as they like. */
  setOnline(online: boolean): void {
    this.loop.setOnline(online)
  }

  /** One round now. Resolves at its end, well or not: `status()` tells. */
  async sync(): Promise<Status> {
    await this.loop.request('person')
    return this.status()
  }

  status(): Status {
    if (this.shown !== null) return this.shown
    const user = this.ledger.meta('user')
    const { failure } = this.ledger
    this.shown = {
      phase: failure === null ? this.loop.phase : 'failed',
      error: failure ?? this.loop.error,
      queued: this.queue.list().length,
      notices: this.notices.list().length,
      live: this.live.connected,
      progress: this.loop.phase === 'syncing' ? this.progress : null,
      syncedAtMs: this.loop.syncedAtMs,
      user: user === undefined ? null : { id: user.id, name: user.name },
    }
    return this.shown
  }

  /** Called after every change of anything that can be read here. */
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Waits for what is under way, and closes the store. */
  async close(): Promise<void> {
    this.pause()
    await this.loop.stop()
    await this.ledger.close()
  }

  private listen(): void {
    const roles = this.ledger.meta('user')?.roles ?? []
    if (this.session.userId === null) return
    this.live.start(SERVICES.filter((service) => mayUse(roles, service)))
  }

  private changed(): void {
    this.shown = null
    for (const listener of this.listeners) listener()
  }
}

/** @throws StoreFailed */
export async function openClient(options: ClientOptions): Promise<Client> {
  const { baseUrl, transport, environment, deviceId, store, timeoutMs = 60_000 } = options
  const ledger = await openLedger(store)
  // A backup that came onto another device brings its stamps' node along: two phones must not share one.
  if (ledger.meta('install')?.deviceId !== deviceId)
    await ledger.change((tx) => drawNode(tx, environment, deviceId))
  const api = makeApi(environment, baseUrl.replace(/\/$/, ''), transport, timeoutMs)
  const session = new SessionKeeper(api, options.vault ?? memoryVault())
  await session.open()
  return new Client(ledger, session, options)
}
