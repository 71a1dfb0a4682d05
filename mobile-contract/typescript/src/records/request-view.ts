/** A request as its person sees it: what the server said last, with what is queued laid over it. */
import type { QueueItem } from '../store/tables.js'
import {
  type Content,
  FIELDS,
  type Field,
  type Request,
  type Stamp,
  type UpsertChange,
} from '../wire/types.js'
import { EMPTY, mergeFields } from './registers.js'

export interface RequestView extends Request {
  /** Fields whose shown value the server has not confirmed. */
  pendingFields: Field[]
  /** What was asked for and is not decided; once it is `submit` or `delete`, edits are refused on the spot. */
  intent: 'submit' | 'withdraw' | 'delete' | null
  /** Why the server has put the first queued change off (`deferred`, `chain_incomplete`, `busy` …), or null. */
  waiting: { code: string | null; detail: string | null } | null
  /** How many changes are queued. */
  queued: number
}

/** A draft that the server has not heard of. */
export function newRequest(id: string, ownerId: string, at: string): Request {
  return {
    id,
    ownerId,
    ...EMPTY,
    justificationHeads: [],
    status: 'draft',
    final: false,
    finalAt: null,
    revision: null,
    stamps: {},
    deleted: false,
    createdAt: at,
    updatedAt: at,
    submittedAt: null,
  }
}

export function contentOf(request: Request): Content {
  return Object.fromEntries(FIELDS.map((field) => [field, request[field] ?? null])) as unknown as Content
}

/** The record with one upsert laid over it. */
export function applyUpsert(record: Request, change: UpsertChange): Request & { won: Field[] } {
  const held = { content: contentOf(record), stamps: record.stamps as Partial<Record<Field, Stamp>> }
  const merged = mergeFields(held, change.fields, change.hlc)
  // Emptying what is not there changes nothing: it stays unset.
  if (merged.content.justification === '' && typeof change.fields.justification === 'object')
    merged.content.justification = held.content.justification === null ? null : ''
  const heads = merged.won.includes('justification') ? [change.hlc] : record.justificationHeads
  return {
    ...record,
    ...merged.content,
    stamps: merged.stamps as Record<string, Stamp>,
    justificationHeads: heads,
    won: merged.won,
  }
}

/** Null where there is nothing: no record, and nothing queued that would make one. */
export function requestView(
  record: Request | undefined,
  items: readonly QueueItem[],
  userId: string,
): RequestView | null {
  const first = items[0]
  if (record === undefined && first?.change.type !== 'upsert') return null
  const id = record?.id ?? first?.change.id ?? ''
  const at = new Date(first?.madeAtMs ?? 0).toISOString()
  let shown = record ?? newRequest(id, userId, at)
  const pending = new Set<Field>()
  let intent: RequestView['intent'] = null
  for (const { change } of items) {
    if (change.type === 'upsert') {
      const { won, ...next } = applyUpsert(shown, change)
      shown = next
      for (const field of won) pending.add(field)
    } else if (change.type === 'submit' || change.type === 'withdraw' || change.type === 'delete') {
      intent = change.type
    }
  }
  const waiting =
    first !== undefined && first.attempts > 0 ? { code: first.code, detail: first.detail } : null
  return { ...shown, pendingFields: [...pending], intent, waiting, queued: items.length }
}
