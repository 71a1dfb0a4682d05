/**
 * What the server asked for with `Retry-After`: nothing before it is over, whoever asks. In memory alone: an app that
 * is started anew may ask once.
 */
import type { Environment } from '../environment.js'

export class Hold {
  /** The answer that asked for it. */
  because: Error | null = null
  private fromMs = 0
  private forMs = 0

  constructor(private readonly env: Environment) {}

  begin(forMs: number, because: Error): void {
    this.fromMs = this.env.nowMs()
    this.forMs = forMs
    this.because = because
  }

  end(): void {
    this.forMs = 0
    this.because = null
  }

  /** Milliseconds until it is over; 0: nothing holds us. */
  leftMs(): number {
    if (this.forMs === 0) return 0
    const passedMs = this.env.nowMs() - this.fromMs
    // The clock was set back and no longer tells how much is over: the whole again, and never longer.
    if (passedMs < 0) this.fromMs += passedMs
    else if (passedMs >= this.forMs) this.end()
    else return this.forMs - passedMs
    return this.forMs
  }
}
