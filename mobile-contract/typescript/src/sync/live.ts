/** Hears of news: a stream that says "pull now" a service, and polling for as long as there is none. */
import { type Environment, fraction } from '../environment.js'
import { Refused } from '../net/api.js'
import { backoffMs, retryAfterMs } from '../net/backoff.js'
import type { SessionKeeper } from '../net/session.js'
import type { OpenStream } from '../net/transport.js'
import type { Service } from '../wire/types.js'

/** The server says something every 25 s; after this long without a word the line is dead. */
export const SILENCE_MS_MAX = 60_000
export const POLL_MS = 60_000

export class Live {
  private readonly lines: Line[] = []
  private cancelPoll: (() => void) | null = null

  constructor(
    private readonly env: Environment,
    private readonly session: SessionKeeper,
    private readonly baseUrl: string,
    private readonly openStream: OpenStream | null,
    private readonly poke: (reason: 'poke' | 'timer') => void,
    private readonly changed: () => void,
    /** How long the server wants to hear nothing of us, milliseconds; 0: we may call. */
    private readonly heldMs: () => number,
    /** Takes in that it wants so, for so many milliseconds. */
    private readonly stayAway: (forMs: number, because: Error) => void,
  ) {}

  /** Whether news comes by itself. */
  get connected(): boolean {
    return this.lines.length > 0 && this.lines.every((line) => line.open)
  }

  start(services: readonly Service[]): void {
    this.stop()
    for (const service of this.openStream === null ? [] : services) {
      const line = new Line(this.env, this.session, this.openStream as OpenStream, {
        url: `${this.baseUrl}/api/v1/${service}/updates/stream`,
        poked: () => this.poke('poke'),
        changed: () => this.follow(),
        heldMs: this.heldMs,
        stayAway: this.stayAway,
      })
      this.lines.push(line)
      line.connect()
    }
    this.follow()
  }

  stop(): void {
    for (const line of this.lines.splice(0)) line.close()
    this.cancelPoll?.()
    this.cancelPoll = null
  }

  /** Polls exactly while the streams do not tell. */
  private follow(): void {
    this.changed()
    if (this.connected) {
      this.cancelPoll?.()
      this.cancelPoll = null
    } else if (this.cancelPoll === null) {
      this.schedulePoll()
    }
  }

  private schedulePoll(): void {
    // Spread, so that many phones that lost one server do not come back as one.
    const afterMs = POLL_MS * (0.75 + fraction(this.env) / 2)
    this.cancelPoll = this.env.timer(afterMs, () => {
      this.schedulePoll()
      this.poke('timer')
    })
  }
}

interface LineEvents {
  url: string
  poked(): void
  changed(): void
  heldMs(): number
  stayAway(forMs: number, because: Error): void
}

/** One stream, opened again whenever it ends. */
class Line {
  open = false
  private failures = 0
  private closeStream: (() => void) | null = null
  private cancelTimer: (() => void) | null = null
  private cancelWatch: (() => void) | null = null
  private closed = false

  constructor(
    private readonly env: Environment,
    private readonly session: SessionKeeper,
    private readonly openStream: OpenStream,
    private readonly events: LineEvents,
  ) {}

  connect(): void {
    if (this.closed) return
    const heldMs = this.events.heldMs()
    if (heldMs > 0) {
      this.connectAfter(backoffMs(this.env, this.failures, heldMs))
      return
    }
    let token: string
    try {
      token = this.session.token()
    } catch {
      // Signing in starts the streams anew.
      return
    }
    let ended = false
    const close = this.openStream({
      url: this.events.url,
      headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream' },
      onOpen: () => {
        if (ended || this.closed) return
        this.failures = 0
        this.open = true
        this.watch()
        this.events.changed()
      },
      onEvent: (name) => {
        if (ended || this.closed) return
        this.watch()
        if (name === 'poke') this.events.poked()
      },
      onEnd: (status, retryAfter) => {
        if (ended) return
        ended = true
        this.lost(status, token, retryAfter ?? null)
      },
    })
    this.closeStream = () => {
      ended = true
      close()
    }
  }

  private connectAfter(ms: number): void {
    this.cancelTimer = this.env.timer(ms, () => this.connect())
  }

  close(): void {
    this.closed = true
    this.open = false
    this.closeStream?.()
    this.cancelTimer?.()
    this.cancelWatch?.()
  }

  private watch(): void {
    this.cancelWatch?.()
    this.cancelWatch = this.env.timer(SILENCE_MS_MAX, () => {
      this.closeStream?.()
      this.lost(null, null, null)
    })
  }

  private lost(status: number | null, token: string | null, retryAfter: string | null): void {
    if (this.closed) return
    this.cancelWatch?.()
    this.open = false
    const afterMs = retryAfterMs(retryAfter, this.env.nowMs())
    // It is said to the device, not to this stream alone.
    if (status !== null && afterMs > 0)
      this.events.stayAway(afterMs, new Refused(status, `http_${status}`, 'the stream was refused', afterMs))
    this.events.changed()
    const reconnect = () => {
      this.failures += 1
      this.connectAfter(backoffMs(this.env, this.failures, afterMs))
    }
    if (status === 401 && token !== null) this.session.renew(token).then(reconnect, reconnect)
    else reconnect()
  }
}
