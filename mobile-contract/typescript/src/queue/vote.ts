/** Puts what an approver does into the queue. */
import { nextStamp } from '../clock/stamping.js'
import type { Environment } from '../environment.js'
import { newId } from '../ids.js'
import { deciders } from '../notices.js'
import { type ApprovalView, approvalView } from '../records/approval-view.js'
import { userOf } from '../records/records.js'
import type { Tx } from '../store/ledger.js'
import type { Notice } from '../store/tables.js'
import { COMMENT_CHARS_MAX, checkText } from '../wire/check.js'
import type { VoteKind } from '../wire/types.js'
import { NotPossible } from './edit.js'
import { append, itemsOf } from './queue.js'

/**
 * `queued`: on its way. `already`: it was so decided before – by whom and when – and nothing needs to be done.
 */
export type VoteTaken = { outcome: 'queued'; opId: string } | { outcome: 'already'; by: Notice['by'] }

/** @throws NotPossible, InvalidEdit */
export function castVote(tx: Tx, env: Environment, id: string, type: VoteKind, comment?: string): VoteTaken {
  if (comment !== undefined) checkText('comment', comment, COMMENT_CHARS_MAX)
  const record = tx.get('approvals', id)
  if (record === undefined) throw new NotPossible('not_found', 'there is no such approval on this device')
  const items = itemsOf(tx, 'approvals', id)
  const view = approvalView(record, items, userOf(tx).id)
  const by = type === 'rollback' ? null : alreadyBy(view, type)
  if (by !== null) return { outcome: 'already', by }
  const hlc = nextStamp(
    tx,
    env,
    view.votes.map((vote) => vote.hlc),
  )
  const said = comment === undefined ? {} : { comment }
  const change = { opId: newId(env), type, id, revision: record.revision, hlc, ...said }
  return { outcome: 'queued', opId: append(tx, 'approvals', change, env.nowMs()).change.opId }
}

/** Who has brought about what this vote wants, if it is so already and this vote would change nothing. */
function alreadyBy(view: ApprovalView, word: 'approve' | 'reject'): Notice['by'] | null {
  const done = view.status === (word === 'approve' ? 'approved' : 'rejected')
  if (view.mine === word || (done && view.mine === null)) return deciders(view, word)
  return null
}
