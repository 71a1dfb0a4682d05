/** Approvers' phones against the real server. */
import { expect, test } from 'vitest'
import { type Organisation, organisation } from '../support/organisation.js'
import { eventually } from '../support/patience.js'
import { offline, online, type Phone, phone } from '../support/phone.js'

const DRAFT = { title: 'Trade fair', amount: { minor: 125_000, currency: 'EUR' as const } }

async function submitted(of: Organisation): Promise<{ owner: Phone; id: string }> {
  const owner = await phone(of.sales)
  const { categoryId, reasonId } = of
  const id = await owner.client.requests.create({ ...DRAFT, categoryId, reasonId })
  await owner.client.requests.submit(id)
  await owner.client.sync()
  expect(owner.client.status()).toMatchObject({ queued: 0, notices: 0 })
  return { owner, id }
}

async function approver(of: Organisation, level: number, which: number): Promise<Phone> {
  const who = of.approvers[level - 1]?.[which]
  if (who === undefined) throw new Error('no such approver')
  return phone(who)
}

/** Syncs until the level has arrived: the approval service hears of a submit by an event. */
async function arrived(at: Phone, requestId: string): Promise<string> {
  return eventually(async () => {
    await at.client.sync()
    const view = at.client.approvals.incoming().find((one) => one.requestId === requestId)
    if (view === undefined) throw new Error('not yet')
    return view.id
  })
}

test('an approval made offline counts, and the owner sees it; rolled back, it waits again', async () => {
  const of = await organisation(1)
  const { owner, id } = await submitted(of)
  const a = await approver(of, 1, 0)
  const approval = await arrived(a, id)
  a.fault = offline
  expect(await a.client.approvals.approve(approval, 'Good fair')).toMatchObject({ outcome: 'queued' })
  await a.client.sync()
  expect(a.client.approvals.get(approval)).toMatchObject({
    mine: 'approve',
    status: 'approved',
    intent: 'approve',
  })
  expect(a.client.approvals.incoming()).toEqual([])
  a.fault = online
  await a.client.sync()
  expect(a.client.approvals.get(approval)).toMatchObject({
    mine: 'approve',
    status: 'approved',
    intent: null,
  })
  await eventually(async () => {
    await owner.client.sync()
    expect(owner.client.requests.get(id)?.status).toBe('approved')
  })
  await a.client.approvals.rollback(approval, 'Wait for the offer')
  await a.client.sync()
  expect(a.client.approvals.get(approval)).toMatchObject({ mine: null, status: 'open' })
  expect(a.client.approvals.incoming().map((view) => view.id)).toEqual([approval])
})

test('"waiting for you" is not stale: what somebody else decided no longer waits', async () => {
  const of = await organisation(1)
  const { id } = await submitted(of)
  const [a, b] = [await approver(of, 1, 0), await approver(of, 1, 1)]
  const approval = await arrived(a, id)
  await arrived(b, id)
  await a.client.approvals.approve(approval)
  await a.client.sync()
  await b.client.sync()
  expect(b.client.approvals.incoming()).toEqual([])
  expect(b.client.approvals.get(approval)).toMatchObject({ status: 'approved', mine: null })
})

test('approving what is approved is no error: nothing is sent, and the answer says who and when', async () => {
  const of = await organisation(1)
  const { id } = await submitted(of)
  const [a, b] = [await approver(of, 1, 0), await approver(of, 1, 1)]
  const approval = await arrived(a, id)
  await arrived(b, id)
  await a.client.approvals.approve(approval)
  await a.client.sync()
  await b.client.sync()
  const by = [{ approverId: a.owner.id, vote: 'approve', acceptedAt: expect.stringMatching(/^20/) }]
  expect(await b.client.approvals.approve(approval)).toEqual({ outcome: 'already', by })
  expect(await a.client.approvals.approve(approval)).toEqual({ outcome: 'already', by })
  expect([...a.client.queue.list(), ...b.client.queue.list()]).toEqual([])
})

test('approved offline after the level was sealed by the next one: told as already decided, by whom', async () => {
  const of = await organisation(2)
  const { id } = await submitted(of)
  const [a, b, next] = [await approver(of, 1, 0), await approver(of, 1, 1), await approver(of, 2, 0)]
  const approval = await arrived(a, id)
  await arrived(b, id)
  await a.client.approvals.approve(approval)
  await a.client.sync()
  await next.client.approvals.approve(await arrived(next, id))
  await next.client.sync()
  expect(next.client.notices.list()).toEqual([])
  // b has not heard of any of it.
  await b.client.approvals.approve(approval)
  await b.client.sync()
  expect(b.client.status().queued).toBe(0)
  expect(b.client.notices.list()).toMatchObject([
    { kind: 'already', code: 'level_sealed', by: [{ approverId: a.owner.id, vote: 'approve' }] },
  ])
  expect(b.client.approvals.get(approval)).toMatchObject({ sealed: true })
})

test('a rejection that comes too late is refused with its code, and kept until it is acknowledged', async () => {
  const of = await organisation(2)
  const { id } = await submitted(of)
  const [a, b, next] = [await approver(of, 1, 0), await approver(of, 1, 1), await approver(of, 2, 0)]
  const approval = await arrived(a, id)
  await arrived(b, id)
  await a.client.approvals.approve(approval)
  await a.client.sync()
  await next.client.approvals.approve(await arrived(next, id))
  await next.client.sync()
  await b.client.approvals.reject(approval, 'We were there last year')
  await b.client.sync()
  await b.open()
  expect(b.client.notices.list()).toMatchObject([
    { kind: 'refused', code: 'level_sealed', change: { type: 'reject', comment: 'We were there last year' } },
  ])
})

test('a vote on a level that was taken back below is refused as basis_changed', async () => {
  const of = await organisation(2)
  const { id } = await submitted(of)
  const [a, next] = [await approver(of, 1, 0), await approver(of, 2, 0)]
  const first = await arrived(a, id)
  await a.client.approvals.approve(first)
  await a.client.sync()
  const second = await arrived(next, id)
  await a.client.approvals.rollback(first)
  await a.client.sync()
  await next.client.approvals.approve(second)
  await next.client.sync()
  expect(next.client.notices.list()).toMatchObject([{ kind: 'refused', code: 'basis_changed' }])
  expect(next.client.approvals.incoming()).toEqual([])
})

test('a withdrawn request waits for nobody', async () => {
  const of = await organisation(1)
  const { owner, id } = await submitted(of)
  const a = await approver(of, 1, 0)
  await arrived(a, id)
  await owner.client.requests.withdraw(id)
  await owner.client.sync()
  expect(owner.client.requests.get(id)).toMatchObject({ status: 'withdrawn' })
  await eventually(async () => {
    await a.client.sync()
    expect(a.client.approvals.incoming()).toEqual([])
  })
  const copy = await owner.client.requests.copy(id)
  await owner.client.sync()
  expect(owner.client.requests.get(copy)).toMatchObject({ status: 'draft', title: 'Trade fair', queued: 0 })
})
