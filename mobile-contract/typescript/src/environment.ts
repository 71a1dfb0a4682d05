/** Time and chance come in from outside: engines differ, and tests decide both. */

export interface Environment {
  /** The device's wall clock, Unix milliseconds; it may be wrong and may jump. */
  nowMs(): number
  /** Cryptographic randomness. */
  randomBytes(count: number): Uint8Array
  /** Calls once after so long; the answer takes it back. */
  timer(afterMs: number, call: () => void): () => void
}

/** The engine's own clock and timers with the randomness given (`expo-crypto`, `react-native-get-random-values`, …). */
export function environment(randomBytes: (count: number) => Uint8Array): Environment {
  return {
    nowMs: () => Date.now(),
    randomBytes,
    timer(afterMs, call) {
      const id = setTimeout(call, afterMs)
      return () => clearTimeout(id)
    },
  }
}

declare function setTimeout(call: () => void, afterMs: number): unknown
declare function clearTimeout(id: unknown): void

/** Uniform in [0, 1). */
export function fraction(env: Environment): number {
  const [a = 0, b = 0, c = 0, d = 0] = env.randomBytes(4)
  return (((a << 24) | (b << 16) | (c << 8) | d) >>> 0) / 2 ** 32
}
