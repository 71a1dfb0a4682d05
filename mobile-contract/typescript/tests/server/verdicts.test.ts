/** Every verdict of the contract, made by the real server, and what the client makes of it. */
import { expect, test } from 'vitest'
import { call, organisation, tokenOf } from '../support/organisation.js'
import { answerLost, offline, online, phone } from '../support/phone.js'

const DRAFT = { title: 'Trade fair', amount: { minor: 125_000, currency: 'EUR' as const } }

test('applied: the queue is empty and the device holds what the server holds', async () => {
  const { sales } = await organisation()
  const a = await phone(sales)
  const id = await a.client.requests.create({ ...DRAFT, justification: 'Two days in Lyon.' })
  expect(a.client.requests.get(id)).toMatchObject({ title: 'Trade fair', queued: 1 })
  const status = await a.client.sync()
  expect(status).toMatchObject({ phase: 'idle', queued: 0, notices: 0 })
  const server = await call(await tokenOf(sales.email), 'GET', `/api/v1/requests/${id}`)
  const { pendingFields, intent, waiting, queued, ...record } = a.client.requests.get(id) ?? ({} as never)
  expect(record).toEqual(server)
  expect({ pendingFields, intent, waiting, queued }).toEqual({
    pendingFields: [],
    intent: null,
    waiting: null,
    queued: 0,
  })
})

test('merged: two phones change other fields and one the same; who lost is told what stands', async () => {
  const { sales } = await organisation()
  const [a, b] = [await phone(sales), await phone(sales)]
  const id = await a.client.requests.create(DRAFT)
  await a.client.sync()
  await b.client.sync()
  await a.client.requests.edit(id, { title: 'From A', region: 'EMEA' })
  b.skewMs = 50 // later, and not within one millisecond
  await b.client.requests.edit(id, { title: 'From B' })
  await b.client.sync()
  await a.client.sync()
  await b.client.sync()
  expect(b.client.requests.get(id)).toEqual(a.client.requests.get(id))
  expect(a.client.requests.get(id)).toMatchObject({ title: 'From B', region: 'EMEA' })
  expect(a.client.notices.list()).toMatchObject([
    { kind: 'superseded', superseded: ['title'], stands: { title: 'From B' } },
  ])
  expect(b.client.notices.list()).toEqual([])
})

test('text: typing on before the answer, and another phone at the same time, lose nothing', async () => {
  const { sales } = await organisation()
  const [a, b] = [await phone(sales), await phone(sales)]
  const id = await a.client.requests.create({ ...DRAFT, justification: 'We need a booth in Lyon.' })
  await a.client.sync()
  await b.client.sync()
  const [onA, onB] = [a.client.requests.openText(id), b.client.requests.openText(id)]
  await onA.set('We need a big booth in Lyon.')
  a.fault = answerLost
  await a.client.sync()
  await onA.set('We need a very big booth in Lyon.')
  await onB.set('We need a booth in Lyon, and flyers.')
  await b.client.sync()
  // A pull that brings the other's words while somebody types.
  await onB.set('We need a booth in Lyon, and many flyers.')
  a.fault = online
  await a.client.sync()
  await b.client.sync()
  await a.client.sync()
  expect(a.client.requests.get(id)?.justification).toBe('We need a very big booth in Lyon, and many flyers.')
  expect(b.client.requests.get(id)?.justification).toBe(a.client.requests.get(id)?.justification)
  expect([...a.client.notices.list(), ...b.client.notices.list()]).toEqual([])
})

test('submit seals what was seen, and what came after on another phone is told as locked', async () => {
  const { sales, categoryId, reasonId } = await organisation()
  const [a, b] = [await phone(sales), await phone(sales)]
  const id = await a.client.requests.create({ ...DRAFT, categoryId, reasonId, justification: 'Why not.' })
  await a.client.sync()
  await b.client.sync()
  await b.client.requests.edit(id, { title: 'Too late', region: 'EMEA' })
  await a.client.requests.submit(id)
  expect(a.client.requests.get(id)).toMatchObject({ status: 'draft', intent: 'submit' })
  await expect(a.client.requests.edit(id, { title: 'No' })).rejects.toMatchObject({ code: 'locked' })
  await a.client.sync()
  expect(a.client.requests.get(id)).toMatchObject({ status: 'pending_l1', intent: null })
  await b.client.sync()
  expect(b.client.requests.get(id)).toMatchObject({ status: 'pending_l1', title: 'Trade fair' })
  expect(b.client.notices.list()).toMatchObject([
    {
      kind: 'refused',
      code: 'locked',
      change: { fields: { title: 'Too late' } },
      stands: { title: 'Trade fair' },
    },
  ])
})

test('content_changed: a submit of what its user has not seen is refused, and can be done again', async () => {
  const { sales, categoryId, reasonId } = await organisation()
  const [a, b] = [await phone(sales), await phone(sales)]
  const id = await a.client.requests.create({ ...DRAFT, categoryId, reasonId })
  await a.client.sync()
  await b.client.sync()
  await b.client.requests.edit(id, { title: 'Changed meanwhile' })
  await b.client.sync()
  await a.client.requests.submit(id)
  await a.client.sync()
  const [notice] = a.client.notices.list()
  expect(notice).toMatchObject({ kind: 'refused', code: 'content_changed' })
  expect(a.client.requests.get(id)).toMatchObject({ status: 'draft', title: 'Changed meanwhile' })
  await a.client.notices.retry(notice?.id ?? '')
  await a.client.sync()
  expect(a.client.requests.get(id)).toMatchObject({ status: 'pending_l1' })
  expect(a.client.notices.list()).toEqual([])
})

test('incomplete is refused; deferred waits with what it waits for, and holds back nothing else', async () => {
  const { sales, reasonId } = await organisation()
  const a = await phone(sales)
  const incomplete = await a.client.requests.create({ title: 'Half' })
  await a.client.requests.submit(incomplete)
  const early = await a.client.requests.create({
    ...DRAFT,
    categoryId: '01890000-0000-7000-8000-000000000099',
    reasonId,
  })
  await a.client.requests.submit(early)
  const other = await a.client.requests.create({ title: 'Behind them' })
  await a.client.sync()
  expect(a.client.requests.get(other)).toMatchObject({ queued: 0 })
  expect(a.client.notices.list()).toMatchObject([{ code: 'incomplete', recordId: incomplete }])
  expect(a.client.queue.list()).toMatchObject([
    { change: { type: 'submit', id: early }, attempts: 1, waitingFor: { kind: 'category' } },
  ])
  const held = a.client.queue.list()[0]
  expect(held?.notBeforeMs).toBeGreaterThan(Date.now())
  const pushes = a.pushes().length
  await a.client.requests.edit(other, { title: 'Behind them, again' })
  await a.client.sync()
  expect(a.pushes().length).toBe(pushes + 1)
  expect(a.client.queue.list()).toMatchObject([{ attempts: 2 }])
  expect(await a.client.queue.discard(held?.change.opId ?? '')).toBe(true)
  expect(a.client.requests.get(early)).toMatchObject({ status: 'draft', intent: null })
})

test('clock_ahead: a clock an hour ahead is corrected by one answer, in order, bases and all', async () => {
  const { sales, categoryId, reasonId } = await organisation()
  const a = await phone(sales)
  a.skewMs = 3_600_000
  const id = await a.client.requests.create({ ...DRAFT, categoryId, reasonId })
  const text = a.client.requests.openText(id)
  a.fault = offline
  await text.set('First.')
  await a.client.sync()
  await text.set('First. Second.')
  await a.client.sync()
  await a.client.requests.submit(id)
  const before = a.client.queue.list().map((item) => item.change.opId)
  a.fault = online
  await a.client.sync()
  expect(a.client.status()).toMatchObject({ phase: 'idle', queued: 0, notices: 0 })
  expect(a.client.requests.get(id)).toMatchObject({ status: 'pending_l1', justification: 'First. Second.' })
  const sent = a
    .pushes()
    .map((push) => JSON.parse(push.body ?? '{}').changes.map((c: { opId: string }) => c.opId))
  expect(sent[sent.length - 1]).toEqual(before)
  // And from now on its stamps are in time.
  const second = await a.client.requests.create(DRAFT)
  await a.client.sync()
  expect(a.client.requests.get(second)?.queued).toBe(0)
  expect(a.pushes().length).toBe(sent.length + 1)
})

test('a clock set back a year keeps working, and later edits still win', async () => {
  const { sales } = await organisation()
  const a = await phone(sales)
  const id = await a.client.requests.create(DRAFT)
  await a.client.sync()
  a.skewMs = -365 * 86_400_000
  await a.open()
  await a.client.requests.edit(id, { title: 'A year ago' })
  await a.client.sync()
  expect(a.client.status()).toMatchObject({ phase: 'idle', queued: 0, notices: 0 })
  expect(a.client.requests.get(id)?.title).toBe('A year ago')
})

test('delete: here, there, and never heard of', async () => {
  const { sales } = await organisation()
  const [a, b] = [await phone(sales), await phone(sales)]
  const local = await a.client.requests.create(DRAFT)
  await a.client.requests.delete(local)
  expect(a.client.queue.list()).toEqual([])
  const id = await a.client.requests.create(DRAFT)
  await a.client.sync()
  await b.client.sync()
  await b.client.requests.edit(id, { title: 'On b' })
  await a.client.requests.delete(id)
  expect(a.client.requests.list()).toEqual([])
  await a.client.sync()
  await b.client.sync()
  expect(a.client.requests.get(id)).toBeNull()
  expect(b.client.requests.get(id)).toBeNull()
  expect(b.client.notices.list()).toMatchObject([{ kind: 'refused', code: 'deleted', recordId: id }])
})
