/**
 * After the server was restored from a backup: it has forgotten what it had acknowledged since. This device's
 * own values that are newer than the server's are queued again, under the stamps they had.
 */

import { latest, parseStamp } from '../clock/stamp.js'
import { nextStamp, nodesOf } from '../clock/stamping.js'
import type { Environment } from '../environment.js'
import { newId } from '../ids.js'
import { addNotice } from '../notices.js'
import { itemsOf, prepend } from '../queue/queue.js'
import type { Tx } from '../store/ledger.js'
import {
  type Approval,
  FIELDS,
  type Field,
  type Request,
  type Service,
  type Stamp,
  type WireFields,
} from '../wire/types.js'
import { userOf } from './records.js'

/** Compares what we held with what the server says now, before the latter replaces it. */
export function reconcile(tx: Tx, env: Environment, service: Service, now: Request | Approval): void {
  if (service === 'approvals') {
    const held = tx.get('approvals', now.id)
    if (held !== undefined) requeueVote(tx, env, held, now as Approval)
    return
  }
  const held = tx.get('requests', now.id)
  if (held === undefined) return
  requeueValues(tx, env, held, now as Request)
  if (held.status !== 'draft' && (now as Request).status === 'draft') tellReverted(tx, env, held.id)
}

/** Drops what a resync did not bring, but for what this person made on this device. */
export function finishResync(tx: Tx, env: Environment, service: Service): void {
  for (const [id, held] of [...tx.entries(service)]) {
    if (tx.get('seen', `${service}/${id}`) !== undefined) continue
    if (service === 'requests') {
      requeueValues(tx, env, held as Request, null)
      if ((held as Request).status !== 'draft') tellReverted(tx, env, id)
    }
    tx.remove(service, id)
  }
  for (const [key] of [...tx.entries('seen')]) if (key.startsWith(`${service}/`)) tx.remove('seen', key)
}

function isOwn(tx: Tx, stamp: Stamp): boolean {
  return nodesOf(tx).includes(parseStamp(stamp)?.node ?? '')
}

/** One item a stamp: fields that were written together go together, the earliest first. */
function requeueValues(tx: Tx, env: Environment, held: Request, now: Request | null): void {
  const byStamp = new Map<Stamp, WireFields>()
  for (const field of FIELDS) {
    const stamp = held.stamps[field]
    if (field === 'justification' || stamp === undefined || !isOwn(tx, stamp)) continue
    if (stamp <= (now?.stamps[field] ?? '')) continue
    byStamp.set(stamp, { ...byStamp.get(stamp), [field as Field]: held[field] ?? null })
  }
  requeueText(tx, env, held, now)
  const queued = new Set(itemsOf(tx, 'requests', held.id).map((item) => item.change.hlc))
  const changes = [...byStamp]
    .filter(([hlc]) => !queued.has(hlc))
    .sort(([one], [other]) => (one < other ? 1 : -1))
  for (const [hlc, fields] of changes)
    prepend(tx, 'requests', { opId: newId(env), type: 'upsert', id: held.id, hlc, fields }, env.nowMs())
}

/** The text is sent as an edit of what the server shows: its own history of it is gone. */
function requeueText(tx: Tx, env: Environment, held: Request, now: Request | null): void {
  const own = latest(held.justificationHeads)
  const theirs = now?.justificationHeads ?? []
  if (own === null || !isOwn(tx, own) || own <= (latest(theirs) ?? '')) return
  if ((held.justification ?? '') === (now?.justification ?? '')) return
  const hlc = nextStamp(tx, env)
  const fields: WireFields = { justification: { text: held.justification ?? '', base: theirs } }
  prepend(tx, 'requests', { opId: newId(env), type: 'upsert', id: held.id, hlc, fields }, env.nowMs())
}

function requeueVote(tx: Tx, env: Environment, held: Approval, now: Approval): void {
  const me = userOf(tx).id
  const mine = held.votes.find((vote) => vote.approverId === me)
  const theirs = now.votes.find((vote) => vote.approverId === me)
  if (mine === undefined || !isOwn(tx, mine.hlc) || mine.hlc <= (theirs?.hlc ?? '')) return
  if (held.revision !== now.revision || itemsOf(tx, 'approvals', held.id).length > 0) return
  const { hlc, comment } = mine
  const said = comment === null || comment === undefined ? {} : { comment }
  const vote = { opId: newId(env), type: mine.vote, id: held.id, revision: held.revision, hlc, ...said }
  prepend(tx, 'approvals', vote, env.nowMs())
}

function tellReverted(tx: Tx, env: Environment, recordId: string): void {
  addNotice(tx, env, {
    kind: 'reverted',
    service: 'requests',
    recordId,
    code: 'resync_required',
    detail: 'The server was restored from a backup and no longer knows that this was submitted.',
  })
}
