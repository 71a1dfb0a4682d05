/** The queue's rows: keyed by place, so that an item keeps its place whatever happens to it. */
import type { Reader, Tx } from '../store/ledger.js'
import type { QueueItem } from '../store/tables.js'
import type { Service, Stamp, WireChange } from '../wire/types.js'

export function keyOf(item: Pick<QueueItem, 'seq'>): string {
  return String(item.seq).padStart(12, '0')
}

export function allItems(reader: Reader): QueueItem[] {
  const items = [...reader.entries('queue')].map(([, item]) => item)
  return items.sort((one, other) => one.seq - other.seq)
}

export function itemsOf(reader: Reader, service: Service, recordId: string): QueueItem[] {
  return allItems(reader).filter((item) => item.service === service && item.change.id === recordId)
}

export function findItem(reader: Reader, opId: string): QueueItem | undefined {
  return allItems(reader).find((item) => item.change.opId === opId)
}

/** Sent at least once without an answer: the server may have it, so it must go again exactly as it is. */
export function inDoubt(reader: Reader): Set<string> {
  return new Set(reader.meta('inflight')?.opIds ?? [])
}

/** Room before the first place, for what a resync puts in front. */
const SEQ_FIRST = 1_000_000

function newItem(seq: number, service: Service, change: WireChange, madeAtMs: number): QueueItem {
  const untried = { attempts: 0, notBeforeMs: 0, code: null, detail: null, waitingFor: null }
  return { seq, service, change, madeAtMs, ...untried }
}

export function append(tx: Tx, service: Service, change: WireChange, madeAtMs: number): QueueItem {
  const seq = tx.meta('seq')?.next ?? SEQ_FIRST
  tx.setMeta('seq', { next: seq + 1 })
  const item = newItem(seq, service, change, madeAtMs)
  tx.put('queue', keyOf(item), item)
  return item
}

/** In front of everything: what the server has forgotten comes before what it has not heard yet. */
export function prepend(tx: Tx, service: Service, change: WireChange, madeAtMs: number): void {
  const first = allItems(tx)[0]?.seq ?? tx.meta('seq')?.next ?? SEQ_FIRST
  const item = { ...newItem(first - 1, service, change, madeAtMs), resync: true }
  tx.put('queue', keyOf(item), item)
}

/** The change with every stamp it names (its own, bases, what was seen) replaced by what the map says. */
export function renamed<C extends WireChange>(change: C, names: ReadonlyMap<Stamp, Stamp[]>): C {
  const each = (stamps: readonly Stamp[]) => [...new Set(stamps.flatMap((s) => names.get(s) ?? [s]))]
  const one = (stamp: Stamp) => names.get(stamp)?.[0] ?? stamp
  if (change.type === 'upsert') {
    const text = change.fields.justification
    if (typeof text !== 'object' || text === null) return change
    return { ...change, fields: { ...change.fields, justification: { ...text, base: each(text.base) } } }
  }
  if (change.type === 'submit' && change.seen !== undefined) {
    const seen = Object.entries(change.seen).map(([field, at]) => [
      field,
      typeof at === 'string' ? one(at) : each(at),
    ])
    return { ...change, seen: Object.fromEntries(seen) }
  }
  return change
}
