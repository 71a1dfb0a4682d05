/** Which items go into the next batch. */
import type { Reader } from '../store/ledger.js'
import type { QueueItem } from '../store/tables.js'
import { BATCH_BYTES_MAX, CHANGES_MAX, type Service } from '../wire/types.js'
import { utf8Bytes } from '../wire/utf8.js'
import { allItems } from './queue.js'

/** Longest time an item is put off, milliseconds. */
export const PUT_OFF_MS_MAX = 60_000
/** Left for the envelope of a batch. */
const ENVELOPE_BYTES = 1024

export interface Limits {
  changes: number
  bytes: number
}
export const LIMITS: Limits = { changes: CHANGES_MAX, bytes: BATCH_BYTES_MAX - ENVELOPE_BYTES }

/** 2, 4, 8 … 60 s after the first, second, third … time. */
export function putOffMs(attempts: number): number {
  return Math.min(PUT_OFF_MS_MAX, 1000 * 2 ** Math.min(attempts, 10))
}

/** A time further away than any we set is one of a clock that was set back since. */
export function isDue(item: QueueItem, nowMs: number): boolean {
  return item.notBeforeMs <= nowMs || item.notBeforeMs - nowMs > PUT_OFF_MS_MAX
}

/**
 * The first items that may go, in order, within the limits. An item that must wait holds back the later ones of its
 * record and of nothing else. One item always goes, however large: the server shall say that it is too large.
 */
export function selectBatch(
  reader: Reader,
  service: Service,
  mayGo: (item: QueueItem) => boolean,
  limits: Limits = LIMITS,
): QueueItem[] {
  const batch: QueueItem[] = []
  const held = new Set<string>()
  let bytes = 0
  for (const item of allItems(reader)) {
    if (item.service !== service || held.has(item.change.id)) continue
    if (!mayGo(item)) {
      held.add(item.change.id)
      continue
    }
    const size = utf8Bytes(JSON.stringify(item.change)) + 1
    if (batch.length > 0 && (batch.length >= limits.changes || bytes + size > limits.bytes)) break
    batch.push(item)
    bytes += size
  }
  return batch
}

/** When the next item becomes due, Unix milliseconds of the device; null if none waits. */
export function nextDueMs(reader: Reader, nowMs: number): number | null {
  const waiting = allItems(reader).filter((item) => !isDue(item, nowMs))
  return waiting.reduce<number | null>((min, item) => Math.min(min ?? Infinity, item.notBeforeMs), null)
}
