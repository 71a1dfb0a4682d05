/** The approvals of the person signed in. */
import type { Environment } from './environment.js'
import { castVote, type VoteTaken } from './queue/vote.js'
import { type ApprovalView, approvalView, waitsFor } from './records/approval-view.js'
import { userOf } from './records/records.js'
import type { Ledger } from './store/index.js'
import { Views } from './views.js'
import type { Approval, VoteKind } from './wire/types.js'

export class Approvals {
  private readonly views: Views<Approval, ApprovalView>
  private waiting: { of: readonly ApprovalView[]; list: readonly ApprovalView[] } | null = null

  constructor(
    private readonly ledger: Ledger,
    private readonly env: Environment,
    private readonly queued: () => void,
  ) {
    this.views = new Views(ledger, 'approvals', (record, items) =>
      record === undefined ? null : approvalView(record, items, ledger.meta('user')?.id ?? ''),
    )
  }

  /** All that the device knows, newest first. The same array until something changes. */
  list(): readonly ApprovalView[] {
    return this.views.list()
  }

  /** What waits for this person now. */
  incoming(): readonly ApprovalView[] {
    const all = this.views.list()
    if (this.waiting?.of !== all) {
      const me = this.ledger.meta('user')?.id ?? ''
      this.waiting = { of: all, list: all.filter((view) => waitsFor(view, me)) }
    }
    return this.waiting.list
  }

  get(id: string): ApprovalView | null {
    return this.views.get(id)
  }

  /** `already`: it is approved, the answer says by whom and when, and nothing is sent. @throws NotPossible */
  approve(id: string, comment?: string): Promise<VoteTaken> {
    return this.vote(id, 'approve', comment)
  }

  /** @throws NotPossible, InvalidEdit */
  reject(id: string, comment?: string): Promise<VoteTaken> {
    return this.vote(id, 'reject', comment)
  }

  /** Takes the own vote back: within 24 hours, and while the level is not sealed. */
  rollback(id: string, comment?: string): Promise<VoteTaken> {
    return this.vote(id, 'rollback', comment)
  }

  private async vote(id: string, kind: VoteKind, comment?: string): Promise<VoteTaken> {
    const taken = await this.ledger.change((tx) => {
      userOf(tx)
      return castVote(tx, this.env, id, kind, comment)
    })
    if (taken.outcome === 'queued') this.queued()
    return taken
  }
}
