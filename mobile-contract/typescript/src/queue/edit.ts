/** Puts what a person does to a request into the queue. */
import { nextStamp } from '../clock/stamping.js'
import type { Environment } from '../environment.js'
import { newId } from '../ids.js'
import { userOf } from '../records/records.js'
import { plainText, sameValue } from '../records/registers.js'
import { contentOf, type RequestView, requestView } from '../records/request-view.js'
import type { Tx } from '../store/ledger.js'
import type { QueueItem } from '../store/tables.js'
import { checkFields } from '../wire/check.js'
import type { Content, Field, Stamp, TextEdit, UpsertChange, WireFields } from '../wire/types.js'
import { append, inDoubt, itemsOf, keyOf } from './queue.js'

/** Something that cannot be done to the record as this device knows it; `code` is what the server would say. */
export class NotPossible extends Error {
  override readonly name = 'NotPossible'
  constructor(
    readonly code: 'not_found' | 'locked' | 'deleted' | 'not_withdrawable' | 'already_submitted',
    message: string,
  ) {
    super(message)
  }
}

export function viewIn(tx: Tx, id: string): RequestView | null {
  return requestView(tx.get('requests', id), itemsOf(tx, 'requests', id), userOf(tx).id)
}

/** @throws NotPossible */
function draftIn(tx: Tx, id: string): RequestView {
  const view = viewIn(tx, id)
  if (view === null) throw new NotPossible('not_found', 'there is no such request on this device')
  if (view.intent === 'delete') throw new NotPossible('deleted', 'the request is being deleted')
  if (view.status !== 'draft')
    throw new NotPossible('locked', 'the request was submitted: its content is sealed')
  if (view.intent === 'submit')
    throw new NotPossible('locked', 'the request is being submitted: its content is sealed')
  return view
}

/** Its content, without the fields in which it says what is shown anyway. */
function changed(fields: Partial<Content>, view: RequestView | null, base?: readonly Stamp[]): WireFields {
  const shown = view === null ? null : contentOf(view)
  const kept: WireFields = {}
  for (const [field, value] of Object.entries(fields) as [Field, unknown][]) {
    if (value === undefined) continue
    const text = field === 'justification' && typeof value === 'string'
    const heads = base ?? view?.justificationHeads ?? []
    if (shown !== null && sameValue(value, shown[field]) && (!text || sameHeads(heads, view))) continue
    Object.assign(kept, { [field]: text ? ({ text: value, base: [...heads] } satisfies TextEdit) : value })
  }
  return kept
}

function sameHeads(base: readonly Stamp[], view: RequestView | null): boolean {
  const heads = view?.justificationHeads ?? []
  return base.length === heads.length && base.every((stamp) => heads.includes(stamp))
}

/** @throws InvalidEdit */
export function createRequest(tx: Tx, env: Environment, id: string, fields: Partial<Content>): QueueItem {
  checkFields(fields)
  userOf(tx)
  const change: UpsertChange = {
    opId: newId(env),
    type: 'upsert',
    id,
    hlc: nextStamp(tx, env),
    fields: changed(fields, null),
  }
  return append(tx, 'requests', change, env.nowMs())
}

/**
 * Null if nothing changes. `base`: what the text was made from, where that is not what is shown now.
 * @throws InvalidEdit, NotPossible
 */
export function editRequest(
  tx: Tx,
  env: Environment,
  id: string,
  fields: Partial<Content>,
  base?: readonly Stamp[],
): QueueItem | null {
  checkFields(fields)
  const view = draftIn(tx, id)
  const sent = changed(fields, view, base)
  if (Object.keys(sent).length === 0) return null
  const hlc = nextStamp(tx, env, [...Object.values(view.stamps), ...view.justificationHeads])
  const items = itemsOf(tx, 'requests', id)
  const last = items[items.length - 1]
  const joined = last === undefined || inDoubt(tx).has(last.change.opId) ? null : join(last, sent, hlc)
  if (joined !== null) {
    tx.put('queue', keyOf(joined), joined)
    return joined
  }
  return append(tx, 'requests', { opId: newId(env), type: 'upsert', id, hlc, fields: sent }, env.nowMs())
}

/** Typing makes one item, not one a letter: an edit that was never sent takes the next one in. */
function join(last: QueueItem, sent: WireFields, hlc: Stamp): QueueItem | null {
  if (last.change.type !== 'upsert' || last.attempts > 0 || last.resync === true) return null
  const before = last.change.fields.justification
  const after = sent.justification
  const fields: WireFields = { ...last.change.fields, ...sent }
  if (after !== undefined && after !== null && before !== undefined) {
    // Only what was made from the very text that is queued; else the server shall merge the two.
    if (typeof after !== 'object' || !(after.base.length === 1 && after.base[0] === last.change.hlc))
      return null
    fields.justification = { text: plainText(after) ?? '', base: baseOf(before) }
  }
  return { ...last, change: { ...last.change, hlc, fields } }
}

function baseOf(text: WireFields['justification']): Stamp[] {
  return typeof text === 'object' && text !== null ? text.base : []
}

/** Seals exactly what is shown now. @throws NotPossible */
export function submitRequest(tx: Tx, env: Environment, id: string): QueueItem {
  const view = viewIn(tx, id)
  if (view !== null && (view.intent === 'submit' || view.status.startsWith('pending')))
    throw new NotPossible('already_submitted', 'the request was submitted already')
  const { stamps, justificationHeads } = draftIn(tx, id)
  const seen: Record<string, Stamp | Stamp[]> = { ...stamps }
  if (justificationHeads.length > 0) seen.justification = justificationHeads
  const hlc = nextStamp(tx, env, [...Object.values(stamps), ...justificationHeads])
  return append(tx, 'requests', { opId: newId(env), type: 'submit', id, hlc, seen }, env.nowMs())
}

/** @throws NotPossible */
export function withdrawRequest(tx: Tx, env: Environment, id: string): QueueItem {
  const view = viewIn(tx, id)
  if (view === null) throw new NotPossible('not_found', 'there is no such request on this device')
  const submitted =
    view.status.startsWith('pending') || view.status === 'approved' || view.intent === 'submit'
  if (!submitted || view.final || view.intent === 'withdraw')
    throw new NotPossible('not_withdrawable', 'only what was submitted and is not final can be withdrawn')
  return append(tx, 'requests', command(tx, env, id, 'withdraw', view), env.nowMs())
}

/** @throws NotPossible */
export function deleteRequest(tx: Tx, env: Environment, id: string): QueueItem | null {
  const view = draftIn(tx, id)
  const items = itemsOf(tx, 'requests', id)
  const doubt = inDoubt(tx)
  // What the server has never heard of needs no deletion there.
  const unheard = tx.get('requests', id) === undefined && items.every((item) => !doubt.has(item.change.opId))
  if (unheard) {
    for (const item of items) tx.remove('queue', keyOf(item))
    return null
  }
  return append(tx, 'requests', command(tx, env, id, 'delete', view), env.nowMs())
}

function command(tx: Tx, env: Environment, id: string, type: 'withdraw' | 'delete', view: RequestView) {
  const hlc = nextStamp(tx, env, Object.values(view.stamps))
  return { opId: newId(env), type, id, hlc }
}
