/** What a person does about an item that was refused, or that does not get through. */
import type { Environment } from '../environment.js'
import type { Tx } from '../store/ledger.js'
import type { Notice } from '../store/tables.js'
import type { Content, Stamp, UpsertChange } from '../wire/types.js'
import { createRequest, deleteRequest, editRequest, submitRequest, viewIn, withdrawRequest } from './edit.js'
import { allItems, findItem, inDoubt, keyOf, renamed } from './queue.js'
import { castVote } from './vote.js'

/** The item may be with the server at this moment: wait for its answer. */
export class InFlight extends Error {
  override readonly name = 'InFlight'
  constructor() {
    super('this was sent and not answered yet: the server may have it')
  }
}

/** Makes the next sync send it, however long it was to wait. */
export function hasten(tx: Tx, opId: string): boolean {
  const item = findItem(tx, opId)
  if (item === undefined) return false
  tx.put('queue', keyOf(item), { ...item, notBeforeMs: 0 })
  return true
}

/** Takes an item back before the server has it. Edits of the same text that follow stand. @throws InFlight */
export function discardItem(tx: Tx, opId: string): boolean {
  const item = findItem(tx, opId)
  if (item === undefined) return false
  if (inDoubt(tx).has(opId)) throw new InFlight()
  tx.remove('queue', keyOf(item))
  const text = item.change.type === 'upsert' ? item.change.fields.justification : undefined
  if (text === undefined) return true
  const base = typeof text === 'object' && text !== null ? text.base : []
  const names = new Map<Stamp, Stamp[]>([[item.change.hlc, base]])
  for (const later of allItems(tx)) {
    const change = renamed(later.change, names)
    if (change !== later.change) tx.put('queue', keyOf(later), { ...later, change })
  }
  return true
}

/**
 * Does again what a notice says was refused or lost, on top of what stands now and as a new operation: the server
 * remembers that it refused the old one. @throws NotPossible, InvalidEdit
 */
export function retryNotice(tx: Tx, env: Environment, notice: Notice): void {
  const { change } = notice
  if (change === null) return
  if (change.type === 'upsert') retryUpsert(tx, env, notice, change)
  else if (change.type === 'submit') submitRequest(tx, env, change.id)
  else if (change.type === 'withdraw') withdrawRequest(tx, env, change.id)
  else if (change.type === 'delete') deleteRequest(tx, env, change.id)
  else if ('revision' in change) castVote(tx, env, change.id, change.type, change.comment)
  tx.remove('notices', notice.id)
}

function retryUpsert(tx: Tx, env: Environment, notice: Notice, change: UpsertChange): void {
  const fields: Partial<Content> = {}
  const lost = notice.kind === 'superseded' ? notice.superseded : Object.keys(change.fields)
  for (const field of lost) {
    const value = (change.fields as Record<string, unknown>)[field]
    const text = field === 'justification' && typeof value === 'object' && value !== null
    Object.assign(fields, { [field]: text ? (value as { text: string }).text : value })
  }
  const view = viewIn(tx, change.id)
  if (view === null) createRequest(tx, env, change.id, fields)
  else editRequest(tx, env, change.id, fields)
}
