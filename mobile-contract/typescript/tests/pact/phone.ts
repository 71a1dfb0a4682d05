/** The real client, whose time and chance are the same in every run, so that the pact is, too. */
import {
  type Client,
  fetchStream,
  fetchTransport,
  type HttpRequest,
  type HttpResponse,
  memoryStore,
  memoryVault,
  openClient,
} from '../../src/index.js'
import type { FeedChange, WireChange } from '../../src/wire/types.js'
import { answer, emptyPage, FakeTime } from '../support/fake-world.js'

export const USER = { id: '01890000-0000-7000-8000-00000000000a', name: 'Sam', roles: ['sales' as const] }
export const APPROVER = { ...USER, name: 'Alex', roles: ['approver' as const] }
export const TOKENS = { userId: USER.id, accessToken: 'access', refreshToken: 'refresh' }

const network = fetchTransport(fetch, AbortController)
const BASE = 'https://budget.test'

export class PactPhone {
  readonly time = new FakeTime()
  readonly deviceId = 'phone-1'
  readonly calls: HttpRequest[] = []
  client!: Client
  private mock: { url: string; paths: readonly string[] } | null = null
  /** Pulls that went nowhere: whatever is not in the exchanges is answered by the phone itself. */
  pulls = 0
  /** Where it is in its feeds once it has pulled. */
  lastSync = '2025-01-01T09:00:00.000001Z'
  /** What the next pulls bring while it is being arranged. */
  private pages: FeedChange[][] = []

  /** `number` tells phones apart: their ids and stamps differ. */
  private constructor(number: number) {
    this.time.byte = number
    // The past is always welcome, whatever clock the server has.
    this.time.nowMs = Date.parse('2025-01-01T10:00:00.000Z')
  }

  static async open(number: number, withStream = false): Promise<PactPhone> {
    const phone = new PactPhone(number)
    const stream = fetchStream(fetch, AbortController, new TextDecoder())
    phone.client = await openClient({
      baseUrl: BASE,
      store: memoryStore(),
      transport: (request) => phone.send(request),
      environment: phone.time.environment,
      deviceId: phone.deviceId,
      vault: memoryVault(),
      ...(withStream
        ? { openStream: (request) => stream({ ...request, url: phone.mocked(request.url) ?? request.url }) }
        : {}),
    })
    return phone
  }

  static async signedIn(number: number, user: typeof USER | typeof APPROVER = USER): Promise<PactPhone> {
    const phone = await PactPhone.open(number)
    await phone.client.signIn(user, TOKENS)
    return phone
  }

  /** One that has pulled this already. */
  static async knowing(
    number: number,
    changes: FeedChange[],
    { user, lastSync }: { user?: typeof APPROVER; lastSync?: string } = {},
  ): Promise<PactPhone> {
    const phone = await PactPhone.signedIn(number, user)
    phone.pages = [changes]
    phone.lastSync = lastSync ?? phone.lastSync
    await phone.client.sync()
    return phone
  }

  /** From now on these paths are the mock server's; all others are answered with nothing new. */
  connect(url: string, paths: readonly string[]): void {
    this.mock = { url, paths }
    this.calls.length = 0
  }

  disconnect(): void {
    this.mock = null
  }

  queued(): WireChange[] {
    return this.client.queue.list().map((item) => item.change)
  }

  private mocked(url: string): string | null {
    const path = url.slice(BASE.length).split('?')[0] ?? ''
    return this.mock?.paths.includes(path) ? this.mock.url + url.slice(BASE.length) : null
  }

  private async send(request: HttpRequest): Promise<HttpResponse> {
    const url = this.mocked(request.url)
    if (url === null) {
      const pull = request.url.includes('/updates?')
      if (pull) this.pulls += 1
      const changes = pull ? (this.pages.shift() ?? []) : []
      return answer(200, { ...emptyPage(), lastSync: this.lastSync, changes })
    }
    this.calls.push(request)
    return network({ ...request, url })
  }
}
