/** When to try again after a failure: exponential, with full jitter, never before the server's `Retry-After`. */
import { type Environment, fraction } from '../environment.js'

export const BACKOFF_MS_BASE = 1_000
export const BACKOFF_MS_MAX = 60_000

export function backoffMs(env: Environment, failures: number, retryAfterMs = 0): number {
  const ceiling = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_BASE * 2 ** Math.min(failures, 10))
  return Math.round(retryAfterMs + fraction(env) * ceiling)
}

/** `Retry-After` as milliseconds from now: seconds or a date, capped at an hour; 0 if it says nothing. */
export function retryAfterMs(header: string | null, nowMs: number): number {
  if (header === null) return 0
  const seconds = /^\d+$/.test(header.trim()) ? Number(header) : (Date.parse(header) - nowMs) / 1000
  return Number.isFinite(seconds) ? Math.min(Math.max(0, seconds * 1000), 3_600_000) : 0
}
