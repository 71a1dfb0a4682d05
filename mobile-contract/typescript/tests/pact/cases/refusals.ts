import { MatchersV3 } from '@pact-foundation/pact'
import { describe, expect, test } from 'vitest'
import { batchOf, contract, type Exchange, problem } from '../contract.js'
import { PactPhone, USER } from '../phone.js'

const { regex } = MatchersV3

/** A phone with one change to send, and the push of it. */
async function pushing(number: number): Promise<[PactPhone, Pick<Exchange, 'method' | 'path' | 'body'>]> {
  const phone = await PactPhone.signedIn(number)
  await phone.client.requests.create({ title: 'Trade fair' })
  return [phone, { method: 'POST', path: '/api/v1/requests/sync', body: batchOf(phone) }]
}

export function refusals(): void {
  describe('a call that is refused as a whole', () => {
    test('for there being too many is not made again before Retry-After is over', async () => {
      const [phone, push] = await pushing(64)
      const busy = problem(429, 'rate_limited')
      const later: Exchange = {
        ...push,
        given: 'a sales person who has made too many calls',
        receiving: 'a push too many',
        answer: { ...busy, headers: { ...busy.headers, 'retry-after': regex('^[1-9][0-9]*$', '30') } },
      }
      await contract(phone, [later], async () => {
        const waiting = { phase: 'waiting', queued: 1, error: { status: 429, retryAfterMs: 30_000 } }
        expect(await phone.client.sync()).toMatchObject(waiting)
        await phone.client.sync()
        expect(phone.calls.length).toBe(1)
      })
    })

    test('for another person having made the queue leaves it', async () => {
      const [phone, push] = await pushing(65)
      const wrong: Exchange = {
        ...push,
        // Whoever it is that has the token, it is not this one.
        body: { ...(push.body as object), userId: USER.id },
        given: 'a sales person',
        receiving: 'a push of the queue of another person',
        answer: problem(409, 'wrong_user'),
      }
      await contract(phone, [wrong], async () => {
        expect(await phone.client.sync()).toMatchObject({ phase: 'wrong_user', queued: 1 })
      })
    })

    test('for want of a role leaves the queue, too', async () => {
      const [phone, push] = await pushing(66)
      const forbidden: Exchange = {
        ...push,
        given: 'an approver',
        receiving: 'a push of somebody who is no sales person any more',
        answer: problem(403, 'forbidden'),
      }
      await contract(phone, [forbidden], async () => {
        expect(await phone.client.sync()).toMatchObject({ phase: 'forbidden', queued: 1 })
      })
    })

    test('for a fault of the client is shown, and not hurried', async () => {
      const phone = await PactPhone.knowing(67, [], { lastSync: 'yesterday' })
      const wrong: Exchange = {
        given: 'a sales person',
        receiving: 'a pull from a position that is none',
        method: 'GET',
        path: '/api/v1/requests/updates',
        query: { limit: '1000', lastSync: 'yesterday' },
        answer: problem(400, 'invalid_value'),
      }
      await contract(phone, [wrong], async () => {
        const waiting = { phase: 'waiting', error: { status: 400, code: 'invalid_value' } }
        expect(await phone.client.sync()).toMatchObject(waiting)
      })
      expect(phone.calls.length).toBe(1)
    })
  })
}
