/** Ids that the phone draws. */
import { bytesToHex } from '@noble/hashes/utils.js'
import type { Environment } from './environment.js'
import { formatUuid } from './wire/canonical.js'

/** UUIDv7 (RFC 9562): 48 bits of Unix milliseconds, then randomness. */
export function newId(env: Environment): string {
  const bytes = env.randomBytes(16)
  let millis = Math.max(0, Math.trunc(env.nowMs()))
  for (let at = 5; at >= 0; at -= 1) {
    bytes[at] = millis % 256
    millis = Math.floor(millis / 256)
  }
  return formatUuid(bytes, 7)
}

/** The node of this device's stamps: 64 random bits, never zero. */
export function newNode(env: Environment): string {
  const node = bytesToHex(env.randomBytes(8))
  return /^0+$/.test(node) ? newNode(env) : node
}
