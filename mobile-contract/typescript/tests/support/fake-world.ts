/** A device whose time the test moves, and a network of the test's own answers: for what no server can be made to do. */
import type { Environment, HttpRequest, HttpResponse, OpenStream, StreamRequest } from '../../src/index.js'

export class FakeTime {
  nowMs = Date.parse('2026-11-22T10:00:00.000Z')
  private timers: { at: number; call: () => void }[] = []
  /** What `randomBytes` is filled with. */
  byte = 0x80
  private drawn = 0

  environment: Environment = {
    nowMs: () => this.nowMs,
    randomBytes: (count) => {
      this.drawn += 1
      const bytes = new Uint8Array(count).fill(this.byte)
      // Ids must differ; chance (four bytes) is what the test says.
      if (count > 4) new DataView(bytes.buffer).setUint32(count - 4, this.drawn)
      return bytes
    },
    timer: (afterMs, call) => {
      const timer = { at: this.nowMs + afterMs, call }
      this.timers.push(timer)
      return () => {
        this.timers = this.timers.filter((other) => other !== timer)
      }
    },
  }

  /** Lets this much time pass, timer by timer. */
  async pass(ms: number): Promise<void> {
    const until = this.nowMs + ms
    for (;;) {
      await settled()
      const [next] = this.timers.filter((timer) => timer.at <= until).sort((one, two) => one.at - two.at)
      if (next === undefined) break
      this.timers = this.timers.filter((timer) => timer !== next)
      this.nowMs = Math.max(this.nowMs, next.at)
      next.call()
    }
    this.nowMs = until
    await settled()
  }
}

/** Until every promise that can go on has. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

export function answer(status: number, body: unknown, headers: Record<string, string> = {}): HttpResponse {
  return { status, header: (name) => headers[name.toLowerCase()] ?? null, body: JSON.stringify(body) }
}

export class FakeStream {
  readonly opened: StreamRequest[] = []
  closed = 0
  open: OpenStream = (request) => {
    this.opened.push(request)
    return () => {
      this.closed += 1
    }
  }
  get last(): StreamRequest {
    const last = this.opened[this.opened.length - 1]
    if (last === undefined) throw new Error('no stream was opened')
    return last
  }
}

export const USER = { id: '01890000-0000-7000-8000-00000000000a', name: 'Sam', roles: ['sales' as const] }
export const TOKENS = { userId: USER.id, accessToken: 'access', refreshToken: 'refresh' }

export function emptyPage() {
  return {
    serverTime: '2026-11-22T10:00:00.000000Z',
    lastSync: '2026-11-22T10:00:00.000000Z',
    hasMore: false,
    changes: [],
    // The same for a list of the catalogue.
    items: [],
    next: null,
  }
}

/** Says `applied` to everything. */
export function allApplied(request: HttpRequest): HttpResponse {
  const { changes } = JSON.parse(request.body ?? '{}') as { changes: { opId: string; id: string }[] }
  const results = changes.map(({ opId, id }) => ({
    opId,
    id,
    verdict: 'applied',
    retryable: false,
    superseded: [],
    updatedAt: '2026-11-22T10:00:00.000000Z',
    record: null,
  }))
  return answer(200, {
    ...emptyPage(),
    hlc: '2026-11-22T10:00:00.000Z-0000-00000000000000ff',
    clockOffsetMs: 0,
    results,
  })
}
