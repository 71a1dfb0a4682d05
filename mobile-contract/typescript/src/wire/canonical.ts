/** What a revision and an approval are called, as the server computes it. */
import { sha1 } from '@noble/hashes/legacy.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import { type Content, FIELDS } from './types.js'
import { utf8 } from './utf8.js'

const APPROVALS = '6f1f2d0a-3b57-4a63-9f59-0d8f6f0f7a10'

/** RFC 8785 of a request's content: keys sorted, unset fields null. */
export function canonicalContent(content: Partial<Content>): string {
  const pairs = [...FIELDS].sort().map((field) => {
    const value = content[field] ?? null
    const plain =
      typeof value === 'object' && value !== null ? { currency: value.currency, minor: value.minor } : value
    return `${JSON.stringify(field)}:${JSON.stringify(plain)}`
  })
  return `{${pairs.join(',')}}`
}

/** The digest that approvers vote on. */
export function revisionOf(content: Partial<Content>): string {
  return `sha256:${bytesToHex(sha256(utf8(canonicalContent(content))))}`
}

/** The id of one level (1 to 3) of one revision of a request: UUIDv5. */
export function approvalId(requestId: string, revision: string, level: number): string {
  const name = utf8(`${requestId.toLowerCase()}/${revision}/${level}`)
  const namespace = hexToBytes(APPROVALS.split('-').join(''))
  const input = new Uint8Array(namespace.length + name.length)
  input.set(namespace)
  input.set(name, namespace.length)
  return formatUuid(sha1(input).slice(0, 16), 5)
}

/** 16 bytes as a UUID of this version. */
export function formatUuid(bytes: Uint8Array, version: number): string {
  const hex = bytesToHex(bytes)
  const variant = ((Number.parseInt(hex[16] ?? '0', 16) & 0x3) | 0x8).toString(16)
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    version.toString(16) + hex.slice(13, 16),
    variant + hex.slice(17, 20),
    hex.slice(20, 32),
  ].join('-')
}
