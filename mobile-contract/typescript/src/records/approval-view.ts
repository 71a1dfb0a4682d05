/** An approval as its approver sees it: the server's, with the own queued votes counted. */
import type { QueueItem } from '../store/tables.js'
import type { Approval, ApprovalStatus, CastVote, VoteChange, VoteKind, VoteWord } from '../wire/types.js'

export interface ApprovalView extends Approval {
  /** The own vote that stands, queued ones counted. */
  mine: VoteWord | null
  /** What is queued and not decided. */
  intent: VoteKind | null
  waiting: { code: string | null; detail: string | null } | null
}

/** Any rejection rejects; otherwise as many approvals as the quorum approve (the server's rule). */
function outcome(votes: readonly CastVote[], quorum: number): ApprovalStatus {
  if (votes.some((vote) => vote.vote === 'reject')) return 'rejected'
  return votes.filter((vote) => vote.vote === 'approve').length >= quorum ? 'approved' : 'open'
}

function cast(votes: readonly CastVote[], change: VoteChange, userId: string, at: string): CastVote[] {
  const others = votes.filter((vote) => vote.approverId !== userId)
  if (change.type === 'rollback') return others
  const comment = change.comment ?? null
  return [...others, { approverId: userId, vote: change.type, comment, hlc: change.hlc, acceptedAt: at }]
}

export function approvalView(record: Approval, items: readonly QueueItem[], userId: string): ApprovalView {
  let { votes, status } = record
  let intent: VoteKind | null = null
  for (const item of items) {
    const change = item.change as VoteChange
    votes = cast(votes, change, userId, new Date(item.madeAtMs).toISOString())
    intent = change.type
  }
  if (intent !== null && !record.sealed && status !== 'closed') status = outcome(votes, record.quorum)
  const first = items[0]
  const waiting =
    first !== undefined && first.attempts > 0 ? { code: first.code, detail: first.detail } : null
  const mine = votes.find((vote) => vote.approverId === userId)?.vote ?? null
  return { ...record, votes, status, mine, intent, waiting }
}

/** Whether it waits for this person: open, theirs to decide, and not decided by them. */
export function waitsFor(view: ApprovalView, userId: string): boolean {
  return view.status === 'open' && view.mine === null && view.approverIds.includes(userId)
}
