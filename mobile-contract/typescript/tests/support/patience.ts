/** Waits for what must come, not for a time: a busy machine takes as long as it takes. */
import { vi } from 'vitest'
import { PATIENCE_MS } from './server.js'

export function eventually<T>(look: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(look, { timeout: PATIENCE_MS, interval: 50 })
}
