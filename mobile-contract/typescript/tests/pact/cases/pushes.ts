import { MatchersV3 } from '@pact-foundation/pact'
import { describe, expect, test } from 'vitest'
import { answerOf, batchOf, contract, type Exchange, fate, ofState, stamp, uuid } from '../contract.js'
import { PactPhone } from '../phone.js'
import { request, requestLike, WRITTEN_BY_ANOTHER } from '../records.js'

const { equal, string } = MatchersV3
const PULLED = '2025-01-01T09:00:00.000001Z'

/** A push of what the phone has queued, with this answer. */
function push(phone: PactPhone, given: string, receiving: string, results: unknown[]): Exchange {
  return {
    given,
    receiving,
    method: 'POST',
    path: '/api/v1/requests/sync',
    body: batchOf(phone, phone.client.status().syncedAtMs === null ? null : ofState('lastSync', PULLED)),
    answer: { status: 200, body: answerOf(results) },
  }
}

/** The phone's one change, for a state that is made of it. */
function change(phone: PactPhone) {
  const [only] = phone.queued()
  return JSON.parse(JSON.stringify(only ?? null))
}

/** A draft with all that a submit needs. */
function complete(id: string) {
  const fields = ['title', 'amount', 'categoryId', 'reasonId']
  return request(id, {
    amount: { minor: 125000, currency: 'EUR' },
    categoryId: '01890000-0000-7000-8000-00000000000c',
    reasonId: '01890000-0000-7000-8000-00000000000d',
    stamps: Object.fromEntries(fields.map((field) => [field, WRITTEN_BY_ANOTHER])),
  })
}

const refusal = (code: string) => ({ code: equal(code), detail: string('a sentence') })

export function pushes(): void {
  describe('a push', () => {
    test('of a new draft is applied', async () => {
      const phone = await PactPhone.signedIn(16)
      const id = await phone.client.requests.create({
        title: 'Trade fair',
        amount: { minor: 125000, currency: 'EUR' },
        justification: 'We need a booth in Lyon.',
      })
      const exchange = push(phone, 'a sales person', 'a push of a new draft', [fate(phone, 'applied')])
      await contract(phone, [exchange], async () => {
        expect(await phone.client.sync()).toMatchObject({ phase: 'idle', queued: 0, notices: 0 })
      })
      expect(phone.client.requests.get(id)).toMatchObject({ title: 'Trade fair', queued: 0 })
    })

    test('whose answer was lost is a duplicate the second time, and done', async () => {
      const phone = await PactPhone.signedIn(17)
      const id = await phone.client.requests.create({ title: 'Trade fair' })
      const record = requestLike(request(id))
      const exchange = push(
        phone,
        'a sales person whose change was taken already',
        'a push for the second time',
        [fate(phone, 'duplicate', { record })],
      )
      // The first time wrote it: it is news to a phone that has heard of nothing yet.
      const pulled = { ...(exchange.answer.body as object), changes: [{ kind: 'upsert', record }] }
      const answer = { status: 200, body: pulled }
      await contract(phone, [{ ...exchange, answer, params: { change: change(phone) } }], async () => {
        expect(await phone.client.sync()).toMatchObject({ phase: 'idle', queued: 0, notices: 0 })
      })
      expect(phone.client.requests.list().length).toBe(1)
    })

    test('that comes after a later write of another phone is merged, and says what lost', async () => {
      const id = '01890000-0000-7000-8000-0000000000f1'
      const phone = await PactPhone.knowing(18, [{ kind: 'upsert', record: request(id) }])
      await phone.client.requests.edit(id, { title: 'Fair', region: 'EMEA' })
      const stands = requestLike(request(id, { title: 'Written later' }))
      const exchange = push(
        phone,
        'a draft that another phone has written later',
        'a push of an older title',
        [fate(phone, 'merged', { superseded: ['title'], record: { ...stands, region: equal('EMEA') } })],
      )
      await contract(phone, [{ ...exchange, params: { id, title: 'Written later' } }], async () => {
        expect(await phone.client.sync()).toMatchObject({ phase: 'idle', queued: 0, notices: 1 })
      })
      expect(phone.client.requests.get(id)).toMatchObject({ title: 'Written later', region: 'EMEA' })
      expect(phone.client.notices.list()[0]).toMatchObject({ kind: 'superseded', superseded: ['title'] })
    })

    test('of an edit after the seal is refused, kept and shown', async () => {
      const id = '01890000-0000-7000-8000-0000000000f2'
      const phone = await PactPhone.knowing(19, [{ kind: 'upsert', record: request(id) }])
      await phone.client.requests.edit(id, { region: 'EMEA' })
      const sealed = request(id, { status: 'pending_l1', revision: 'sha256:' })
      const exchange = push(
        phone,
        'a request that another phone has submitted',
        'a push of an edit after the seal',
        [fate(phone, 'rejected', { ...refusal('locked'), record: requestLike(sealed) })],
      )
      await contract(phone, [{ ...exchange, params: { id } }], async () => {
        expect(await phone.client.sync()).toMatchObject({ phase: 'idle', queued: 0, notices: 1 })
      })
      expect(phone.client.requests.get(id)?.status).toBe('pending_l1')
      expect(phone.client.notices.list()[0]).toMatchObject({ kind: 'refused', code: 'locked' })
    })

    test('of a submit that seals what was seen is applied', async () => {
      const id = '01890000-0000-7000-8000-0000000000f3'
      const draft = complete(id)
      const phone = await PactPhone.knowing(20, [{ kind: 'upsert', record: draft }])
      await phone.client.requests.submit(id)
      const sealed = requestLike({ ...draft, status: 'pending_l1', revision: 'sha256:' })
      const exchange = push(phone, 'a draft that is complete', 'a push of a submit', [
        fate(phone, 'applied', { record: sealed }),
      ])
      await contract(phone, [{ ...exchange, params: { id, hlc: WRITTEN_BY_ANOTHER } }], async () => {
        expect(await phone.client.sync()).toMatchObject({ phase: 'idle', queued: 0, notices: 0 })
      })
      expect(phone.client.requests.get(id)?.status).toBe('pending_l1')
    })

    test('of a submit of a category not heard of yet is put off, and stays', async () => {
      const id = '01890000-0000-7000-8000-0000000000f4'
      const draft = complete(id)
      const phone = await PactPhone.knowing(21, [{ kind: 'upsert', record: draft }])
      await phone.client.requests.submit(id)
      const waitingFor = { kind: equal('category'), id: uuid(id) }
      const given = 'a draft of a category that nobody has heard of'
      const exchange = push(phone, given, 'a push of a submit that must wait', [
        fate(phone, 'deferred', { detail: string('a sentence'), waitingFor, record: requestLike(draft) }),
      ])
      // Only what is young waits.
      const body = exchange.body as ReturnType<typeof batchOf>
      const changes = body.changes.map((one) => ({ ...one, hlc: ofState('hlc', phone.queued()[0]?.hlc) }))
      const young = { ...exchange, body: { ...body, changes }, params: { id, hlc: WRITTEN_BY_ANOTHER } }
      await contract(phone, [young], async () => {
        expect(await phone.client.sync()).toMatchObject({ phase: 'idle', queued: 1, notices: 0 })
      })
      expect(phone.client.requests.get(id)?.waiting).not.toBeNull()
    })

    test('tells the server’s clock, which the next stamp exceeds', async () => {
      const phone = await PactPhone.signedIn(22)
      await phone.client.requests.create({ title: 'First' })
      const exchange = push(phone, 'a sales person', 'a push of another draft', [fate(phone, 'applied')])
      const heard = '2025-01-01T10:00:30.000Z-0007-5e5e5e5e5e5e5e5e'
      const answer = { status: 200, body: { ...(exchange.answer.body as object), hlc: stamp(heard) } }
      await contract(phone, [{ ...exchange, answer }], async () => {
        await phone.client.sync()
      })
      await phone.client.requests.create({ title: 'Second' })
      expect((phone.queued()[0]?.hlc ?? '') > heard).toBe(true)
    })
  })
}
