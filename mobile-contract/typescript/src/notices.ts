/** What a person should be told; each stays, over restarts, until acknowledged, sent again or given up. */
import type { Environment } from './environment.js'
import { newId } from './ids.js'
import type { Tx } from './store/ledger.js'
import type { Notice, QueueItem } from './store/tables.js'
import type { Approval, Request, Result } from './wire/types.js'

const BLANK = { code: null, detail: null, change: null, superseded: [], stands: {}, by: [] }

export function addNotice(
  tx: Tx,
  env: Environment,
  notice: Pick<Notice, 'kind' | 'service' | 'recordId'> & Partial<Notice>,
): Notice {
  const made: Notice = { ...BLANK, ...notice, id: newId(env), atMs: env.nowMs() }
  tx.put('notices', made.id, made)
  return made
}

/** The values that stand where the item wanted others. */
export function standing(
  item: QueueItem,
  record: Request | Approval | null | undefined,
): Record<string, unknown> {
  if (record === null || record === undefined) return {}
  if (item.change.type !== 'upsert') return { status: record.status }
  const fields = Object.keys(item.change.fields)
  const values = fields.map((field) => [field, (record as unknown as Record<string, unknown>)[field] ?? null])
  return Object.fromEntries([['status', record.status], ...values])
}

export function noticeOfRefusal(tx: Tx, env: Environment, item: QueueItem, result: Result): void {
  const { service, change } = item
  const about = { service, recordId: change.id, code: result.code ?? null, detail: result.detail ?? null }
  const approval = service === 'approvals' ? (result.record as Approval | null | undefined) : null
  // The same was decided by somebody else before: for who asked, that is no error.
  if (change.type === 'approve' && approval?.status === 'approved') {
    addNotice(tx, env, { ...about, kind: 'already', by: deciders(approval, 'approve') })
    return
  }
  if (change.type === 'reject' && approval?.status === 'rejected') {
    addNotice(tx, env, { ...about, kind: 'already', by: deciders(approval, 'reject') })
    return
  }
  addNotice(tx, env, { ...about, kind: 'refused', change, stands: standing(item, result.record) })
}

/** Who voted so, and when the server accepted it. */
export function deciders(approval: Approval, word: 'approve' | 'reject'): Notice['by'] {
  return approval.votes
    .filter((vote) => vote.vote === word)
    .map(({ approverId, vote, acceptedAt }) => ({ approverId, vote, acceptedAt }))
}
