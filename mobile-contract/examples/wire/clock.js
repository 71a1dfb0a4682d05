/**
 * The hybrid logical clock that stamps changes (Kulkarni et al. 2014): `2026-11-22T10:00:00.123Z-0007-a1b2c3d4e5f60718`
 * is milliseconds, a counter, and 64 random bits that are this clock's alone. Stamps compare as strings.
 *
 * A clock needs no storage. Its node is drawn anew with every clock, so no two stamps of a phone are ever equal,
 * and every change is stamped above all that its user saw (see `upsert`), so nothing seen is lost to by accident.
 */
export class Clock {
  #ms = 0;
  #counter = 0;
  #offsetMs = 0;
  #node;
  #wall;

  /** @param {() => number} [wall] the device's clock, Unix milliseconds; it may be wrong */
  constructor(wall = Date.now) {
    this.#wall = wall;
    const bytes = crypto.getRandomValues(new Uint8Array(8));
    this.#node = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  }

  /** The device's clock as it is, for `clientTime`. */
  wall() {
    return this.#wall();
  }

  /**
   * The next stamp: above every stamp made or observed so far.
   * @returns {string}
   */
  tick() {
    const now = this.#wall() + this.#offsetMs;
    if (now > this.#ms) [this.#ms, this.#counter] = [now, 0];
    else if (this.#counter < 0xffff) this.#counter += 1;
    else [this.#ms, this.#counter] = [this.#ms + 1, 0];
    return `${new Date(this.#ms).toISOString()}-${this.#counter.toString(16).padStart(4, '0')}-${this.#node}`;
  }

  /**
   * Makes the next stamp greater than this one.
   * @param {string} stamp
   */
  observe(stamp) {
    const ms = Date.parse(stamp.slice(0, 24));
    const counter = parseInt(stamp.slice(25, 29), 16);
    if (ms > this.#ms || (ms === this.#ms && counter > this.#counter)) [this.#ms, this.#counter] = [ms, counter];
  }

  /**
   * Forgets what it knew and goes by the server: the device's clock was too far ahead (`clock_ahead`).
   * @param {{hlc: string, clockOffsetMs: number}} answer
   */
  restart({ hlc, clockOffsetMs }) {
    [this.#ms, this.#counter, this.#offsetMs] = [0, 0, Math.trunc(clockOffsetMs)];
    this.observe(hlc);
  }
}
