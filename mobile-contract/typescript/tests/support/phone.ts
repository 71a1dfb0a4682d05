/** A phone: the real client on a disk that outlives it, behind a network that the test can spoil. */
import { randomBytes, randomUUID } from 'node:crypto'
import {
  type Client,
  type Environment,
  fetchTransport,
  type HttpRequest,
  type HttpResponse,
  memoryStore,
  memoryVault,
  openClient,
  type Row,
  type Store,
  type Transport,
  type Vault,
} from '../../src/index.js'
import { PASSWORD, type Person, serverUrl } from './organisation.js'

export const network: Transport = fetchTransport(fetch, AbortController)

/** What becomes of a call; the test decides for each. */
export type Fault = (request: HttpRequest, send: () => Promise<HttpResponse>) => Promise<HttpResponse>

export const online: Fault = (_, send) => send()
export const offline: Fault = async () => {
  throw new Error('no network')
}
/** The server does it, and the answer is lost. */
export const answerLost: Fault = async (_, send) => {
  await send()
  throw new Error('the connection died')
}
export const halfAnswer: Fault = async (_, send) => {
  const answer = await send()
  return { ...answer, body: answer.body.slice(0, answer.body.length / 2) }
}

export class Phone {
  /** Added to the real time. */
  skewMs = 0
  fault: Fault = online
  /** Every call that left the phone. */
  readonly calls: HttpRequest[] = []
  readonly rows = new Map<string, Row>()
  readonly vault: Vault = memoryVault()
  deviceId = randomUUID()
  client!: Client

  constructor(
    readonly owner: Person,
    readonly url = serverUrl(),
    readonly password = PASSWORD,
  ) {}

  get environment(): Environment {
    return {
      nowMs: () => Date.now() + this.skewMs,
      randomBytes: (count) => new Uint8Array(randomBytes(count)),
      timer(afterMs, call) {
        const id = setTimeout(call, afterMs)
        return () => clearTimeout(id)
      },
    }
  }

  get transport(): Transport {
    return (request) => {
      this.calls.push(request)
      return this.fault(request, () => network(request))
    }
  }

  store(): Store {
    return memoryStore(this.rows)
  }

  /** Opens the app: after a kill, on what the disk holds. */
  async open(store: Store = this.store()): Promise<Client> {
    this.client = await openClient({
      baseUrl: this.url,
      store,
      transport: this.transport,
      environment: this.environment,
      deviceId: this.deviceId,
      vault: this.vault,
      timeoutMs: 20_000,
    })
    return this.client
  }

  async login(): Promise<void> {
    await this.client.login(this.owner.email, this.password)
  }

  /** Syncs of pushes only, counted by path. */
  pushes(): HttpRequest[] {
    return this.calls.filter((call) => call.url.endsWith('/sync'))
  }
}

export async function phone(owner: Person): Promise<Phone> {
  const made = new Phone(owner)
  await made.open()
  await made.login()
  return made
}
