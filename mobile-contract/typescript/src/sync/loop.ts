/** Decides when there is a round: one at a time, whoever asks and how often; after a failure, later. */
import type { Environment } from '../environment.js'
import { Refused } from '../net/api.js'
import { backoffMs } from '../net/backoff.js'
import { SignedOut } from '../net/session.js'
import { nextDueMs } from '../queue/select.js'
import { NobodySignedIn } from '../records/records.js'
import { type Ledger, StoreFailed } from '../store/index.js'
import { Hold } from './hold.js'
import { type Round, type RoundOptions, WrongUser } from './round.js'

/**
 * `signed_out`: somebody must sign in; `wrong_user`: the right one must; `forbidden`: the role is gone;
 * `failed`: the device's storage failed and the client has stopped.
 */
export type Phase =
  | 'idle'
  | 'syncing'
  | 'waiting'
  | 'offline'
  | 'signed_out'
  | 'wrong_user'
  | 'forbidden'
  | 'failed'

/** Why a round is wanted: of our own back-off only an edit waits for the end, of the server's `Retry-After` all do. */
export type Reason = 'edit' | 'poke' | 'person' | 'online' | 'timer'

/** Coming online does not ask for the catalogue again within this time. */
const CATALOGUE_MS_MIN = 900_000

/** Only what has become due. */
const DUE: RoundOptions = { eager: false, pull: false, catalogue: false }

export class Loop {
  phase: Phase = 'idle'
  error: Error | null = null
  /** When the last round ended well, Unix milliseconds of the device. */
  syncedAtMs: number | null = null

  private online = true
  private automatic = false
  private catalogueAtMs: number | null = null
  private stopped = false
  private failures = 0
  private wanted: RoundOptions | null = null
  private running: Promise<void> | null = null
  private cancelTimer: (() => void) | null = null
  /** What the timer is for. */
  private planned: RoundOptions = DUE
  private readonly hold: Hold

  constructor(
    private readonly env: Environment,
    private readonly ledger: Ledger,
    private readonly round: Round,
    private readonly changed: () => void,
  ) {
    this.hold = new Hold(env)
  }

  /**
   * Resolves when a round that began after this call has ended, well or not, or at once if none may begin now;
   * never rejects.
   */
  request(reason: Reason): Promise<void> {
    const eager = reason === 'poke' || reason === 'person' || reason === 'online'
    const pull = reason !== 'edit'
    // It changes rarely, and nothing tells when: looked at as a person asks, and now and then as the app comes
    // online, but not each time that a bad line comes back.
    const known =
      this.catalogueAtMs !== null && Math.abs(this.env.nowMs() - this.catalogueAtMs) < CATALOGUE_MS_MIN
    const catalogue = reason === 'person' || (reason === 'online' && !known)
    const backingOff = this.failures > 0 && this.cancelTimer !== null
    this.wanted = either({ eager, pull, catalogue }, this.wanted)
    if (reason === 'edit' && backingOff) return Promise.resolve()
    return this.begin()
  }

  /** How long the server wants to hear nothing of this device, milliseconds; 0: it may be called. */
  heldMs(): number {
    return this.hold.leftMs()
  }

  /** The server wants to hear nothing of this device for so long: it has refused a stream. */
  stayAway(forMs: number, because: Error): void {
    if (forMs <= this.hold.leftMs()) return
    this.hold.begin(forMs, because)
    if (this.cancelTimer !== null) this.schedule(backoffMs(this.env, this.failures, forMs), this.planned)
  }

  setOnline(online: boolean): void {
    if (this.online === online) return
    this.online = online
    if (online) void this.request('online')
    else this.enter('offline', this.error)
  }

  /** Somebody has signed in: whatever stopped us may be over. */
  resume(atOnce: boolean): void {
    this.failures = 0
    this.enter(this.online ? 'idle' : 'offline', null)
    if (atOnce) void this.request('online')
  }

  /** Nobody is signed in any more. */
  signedOut(): void {
    this.enter('signed_out', null)
  }

  /** Whether rounds follow by themselves, after failures and for what was put off. */
  setAutomatic(automatic: boolean): void {
    this.automatic = automatic
    if (automatic) return
    this.cancelTimer?.()
    this.cancelTimer = null
  }

  async stop(): Promise<void> {
    this.stopped = true
    this.cancelTimer?.()
    this.cancelTimer = null
    await this.running
  }

  private begin(): Promise<void> {
    if (this.stopped || !this.online) return Promise.resolve()
    const heldMs = this.heldMs()
    if (heldMs > 0) return this.stayHeld(heldMs)
    this.cancelTimer?.()
    this.cancelTimer = null
    if (this.running === null) {
      this.running = this.work().finally(() => {
        this.running = null
      })
      return this.running
    }
    // A round is under way and may be past what this call wants: another one follows it.
    return this.running
  }

  /** What is wanted goes when the server's `Retry-After` is over: the timer of the failure, or one of its own. */
  private stayHeld(leftMs: number): Promise<void> {
    if (this.phase === 'idle' || this.phase === 'offline') this.enter('waiting', this.hold.because)
    if (this.cancelTimer === null) this.schedule(backoffMs(this.env, this.failures, leftMs), DUE)
    return Promise.resolve()
  }

  private async work(): Promise<void> {
    while (this.wanted !== null && !this.stopped && this.online) {
      const options = this.wanted
      this.wanted = null
      this.enter('syncing', null)
      try {
        await this.round.run(options)
        this.failures = 0
        this.hold.end()
        this.syncedAtMs = this.env.nowMs()
        if (options.catalogue) this.catalogueAtMs = this.syncedAtMs
        this.enter('idle', null)
      } catch (error) {
        this.fail(error instanceof Error ? error : new Error(String(error)), options)
        return
      }
    }
    if (!this.stopped && this.online) this.scheduleDue()
  }

  private scheduleDue(): void {
    const now = this.env.nowMs()
    const due = nextDueMs(this.ledger, now)
    if (due !== null) this.schedule(due - now, DUE)
  }

  private schedule(afterMs: number, options: RoundOptions): void {
    if (!this.automatic) return
    this.cancelTimer?.()
    this.planned = options
    this.cancelTimer = this.env.timer(Math.max(0, afterMs), () => {
      this.cancelTimer = null
      // Timers go on when the clock is set, and none is shorter than what the server asked for.
      this.hold.end()
      this.wanted = either(options, this.wanted)
      void this.begin()
    })
  }

  private fail(error: Error, options: RoundOptions): void {
    const after = error instanceof Refused ? error.retryAfterMs : 0
    if (after > 0) this.hold.begin(after, error)
    else this.hold.end()
    const phase = this.phaseAfter(error)
    this.enter(phase, error)
    if (phase !== 'waiting' && phase !== 'forbidden') return
    this.failures += 1
    if (!this.stopped) this.schedule(backoffMs(this.env, this.failures, after), options)
  }

  private phaseAfter(error: Error): Phase {
    if (error instanceof StoreFailed) return 'failed'
    if (error instanceof SignedOut || error instanceof NobodySignedIn) return 'signed_out'
    if (error instanceof WrongUser) return 'wrong_user'
    if (!this.online) return 'offline'
    return error instanceof Refused && error.status === 403 ? 'forbidden' : 'waiting'
  }

  private enter(phase: Phase, error: Error | null): void {
    this.phase = phase
    this.error = error
    this.changed()
  }
}

/** What two who ask for a round want of one. */
function either(one: RoundOptions, other: RoundOptions | null): RoundOptions {
  return {
    eager: one.eager || other?.eager === true,
    pull: one.pull || other?.pull === true,
    catalogue: one.catalogue || other?.catalogue === true,
  }
}
