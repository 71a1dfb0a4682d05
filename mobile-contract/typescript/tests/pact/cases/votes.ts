import { MatchersV3 } from '@pact-foundation/pact'
import { describe, expect, test } from 'vitest'
import {
  answerOf,
  batchOf,
  contract,
  type Exchange,
  fate,
  ofState,
  position,
  serverTime,
} from '../contract.js'
import { APPROVER, PactPhone } from '../phone.js'
import { approval, approvalLike } from '../records.js'

const { equal, string } = MatchersV3
const APPROVAL = approval('f11049e6-b3ee-5f2f-a7ba-9d581601694c', '01890000-0000-7000-8000-0000000000d1')
const WAITING = 'an approver for whom a request waits'

/** An approver's phone that has pulled the approval. */
function approverPhone(number: number): Promise<PactPhone> {
  return PactPhone.knowing(number, [{ kind: 'upsert', record: APPROVAL }], { user: APPROVER })
}

/** A push of the one vote that is queued. */
function vote(phone: PactPhone, given: string, receiving: string, result: Record<string, unknown>): Exchange {
  const batch = batchOf(phone, ofState('lastSync', phone.lastSync))
  const changes = batch.changes.map((change) => ({
    ...change,
    id: ofState('approvalId', APPROVAL.id),
    revision: ofState('revision', APPROVAL.revision),
  }))
  return {
    given,
    receiving,
    method: 'POST',
    path: '/api/v1/approvals/sync',
    body: { ...batch, changes },
    answer: { status: 200, body: answerOf([{ ...result, id: ofState('approvalId', APPROVAL.id) }]) },
  }
}

export function votes(): void {
  describe('an approver', () => {
    test('pulls what waits', async () => {
      const phone = await PactPhone.signedIn(48, APPROVER)
      const pull: Exchange = {
        given: WAITING,
        receiving: 'a pull of approvals',
        method: 'GET',
        path: '/api/v1/approvals/updates',
        query: { limit: '1000' },
        answer: {
          status: 200,
          body: {
            serverTime: serverTime(),
            lastSync: position(),
            hasMore: false,
            changes: [{ kind: 'upsert', record: approvalLike(APPROVAL) }],
          },
        },
      }
      await contract(phone, [pull], async () => {
        expect(await phone.client.sync()).toMatchObject({ phase: 'idle' })
      })
      expect(phone.client.approvals.incoming().map((one) => one.request.title)).toEqual(['Trade fair'])
    })

    test('votes', async () => {
      const phone = await approverPhone(49)
      await phone.client.approvals.approve(APPROVAL.id, 'Good fair.')
      const cast = {
        approverId: ofState('userId', APPROVER.id),
        vote: equal('approve'),
        comment: equal('Good fair.'),
        hlc: equal(phone.queued()[0]?.hlc),
        acceptedAt: serverTime(),
      }
      const record = approvalLike(
        { ...APPROVAL, status: 'approved' },
        { votes: [cast], sealsAt: serverTime() },
      )
      const exchange = vote(phone, WAITING, 'a vote', fate(phone, 'applied', { record }))
      await contract(phone, [exchange], async () => {
        expect(await phone.client.sync()).toMatchObject({ phase: 'idle', queued: 0, notices: 0 })
      })
      expect(phone.client.approvals.incoming()).toEqual([])
      expect(phone.client.approvals.get(APPROVAL.id)?.status).toBe('approved')
    })

    test('votes on what was withdrawn, and is told', async () => {
      const phone = await approverPhone(50)
      await phone.client.approvals.reject(APPROVAL.id, 'Too dear.')
      const refused = { code: equal('level_not_open'), detail: string('a sentence') }
      const record = approvalLike({ ...APPROVAL, status: 'closed' })
      const given = 'an approver of a request that was withdrawn'
      const exchange = vote(
        phone,
        given,
        'a vote that is too late',
        fate(phone, 'rejected', { ...refused, record }),
      )
      await contract(phone, [exchange], async () => {
        expect(await phone.client.sync()).toMatchObject({ phase: 'idle', queued: 0, notices: 1 })
      })
      expect(phone.client.notices.list()[0]).toMatchObject({ kind: 'refused', code: 'level_not_open' })
    })
  })
}
