import { MatchersV3 } from '@pact-foundation/pact'
import { describe, expect, test } from 'vitest'
import { eventually } from '../../support/patience.js'
import { contract, type Exchange, ofState, position, problem, serverTime, uuid } from '../contract.js'
import { PactPhone, TOKENS, USER } from '../phone.js'
import { request, requestLike } from '../records.js'

const { boolean, eachLike, integer, regex, string } = MatchersV3
const ID = '01890000-0000-7000-8000-0000000000e1'
const PULLED = '2025-01-01T09:00:00.000001Z'

function page(changes: unknown, hasMore = false, lastSync = '2025-01-01T10:00:00.000001Z') {
  return { status: 200, body: { serverTime: serverTime(), lastSync: position(lastSync), hasMore, changes } }
}

function pull(given: string, receiving: string, since: string | null, answer: Exchange['answer']): Exchange {
  const query = since === null ? {} : { lastSync: ofState('lastSync', since) }
  const path = '/api/v1/requests/updates'
  return { given, receiving, method: 'GET', path, query: { limit: '1000', ...query }, answer }
}

/** Any number of requests, each with what the phone shows. */
const upserts = () => eachLike({ kind: 'upsert', record: requestLike(request(ID)) })

/** A list of the catalogue, whole, and the same asked for again by its tag. */
function lists(name: string, item: Record<string, unknown>): [Exchange, Exchange] {
  const ask = { method: 'GET', path: `/api/v1/${name}`, query: { limit: '1000' } } as const
  const etag = regex('^(W/)?".+"$', '"of-pact"')
  const whole = { status: 200, headers: { etag }, body: { items: eachLike(item), next: null } }
  const given = 'a sales person and a catalogue'
  const tag = ofState('etag', '"of-pact"')
  return [
    { ...ask, given, receiving: `a look at the ${name}`, answer: whole },
    {
      ...ask,
      given,
      params: { list: name },
      receiving: `a look at the ${name} that have not changed`,
      headers: { 'if-none-match': tag },
      answer: { status: 304 },
    },
  ]
}

export function pulls(): void {
  describe('a pull', () => {
    test('goes on until there is no more', async () => {
      const phone = await PactPhone.signedIn(32)
      const many = 'a sales person with more requests than fit a page'
      const middle = '2025-01-01T09:30:00.000001Z'
      const first = pull(many, 'a pull from the beginning', null, page(upserts(), true, middle))
      const second = pull(many, 'a pull of the second page', middle, page(upserts()))
      await contract(phone, [first, second], async () => {
        expect(await phone.client.sync()).toMatchObject({ phase: 'idle' })
      })
      const since = phone.calls.map((call) => new URL(call.url).searchParams.get('lastSync'))
      expect(since).toEqual([null, middle])
      expect(phone.client.requests.list().length).toBe(1)
    })

    test('with nothing new is short', async () => {
      const phone = await PactPhone.knowing(33, [])
      const nothing = pull(
        'a sales person who has seen everything',
        'a pull with nothing new',
        PULLED,
        page([]),
      )
      await contract(phone, [nothing], async () => {
        expect(await phone.client.sync()).toMatchObject({ phase: 'idle', error: null })
      })
    })

    test('takes away what was deleted', async () => {
      const phone = await PactPhone.knowing(34, [{ kind: 'upsert', record: request(ID) }])
      const removal = [{ kind: 'remove', id: uuid(ID) }]
      const gone = pull(
        'a draft that another phone has deleted',
        'a pull of a deletion',
        PULLED,
        page(removal),
      )
      await contract(phone, [gone], async () => {
        await phone.client.sync()
      })
      expect(phone.client.requests.list()).toEqual([])
    })

    test('from a position that is gone begins anew, and the queue stays', async () => {
      const phone = await PactPhone.knowing(35, [{ kind: 'upsert', record: request(ID) }])
      const given = 'a sales person with a draft, of a server that was restored'
      const lost = pull(given, 'a pull from a position that is gone', PULLED, problem(410, 'resync_required'))
      const anew = pull(given, 'a pull from the beginning after a restore', null, page(upserts()))
      await contract(phone, [lost, anew], async () => {
        expect(await phone.client.sync()).toMatchObject({ phase: 'idle', error: null })
      })
      expect(phone.client.requests.list().map((view) => view.title)).toEqual(['Trade fair'])
    })
  })

  test('the catalogue is pulled whole, and by its tag afterwards', async () => {
    const phone = await PactPhone.signedIn(36)
    const id = uuid('01890000-0000-7000-8000-00000000000c')
    const active = boolean(true)
    const asked = [
      ...lists('categories', { id, name: string('Travel'), levels: integer(1), active }),
      ...lists('reasons', { id, text: string('Other'), active }),
      ...lists('departments', { id, name: string('Sales') }),
    ] as [Exchange, ...Exchange[]]
    const [whole, unchanged] = [0, 1].map((rest) => asked.filter((_, at) => at % 2 === rest))
    await contract(phone, whole as [Exchange, ...Exchange[]], async () => {
      expect(await phone.client.sync()).toMatchObject({ phase: 'idle' })
    })
    expect(phone.client.catalogue.categories().map((category) => category.name)).toEqual(['Travel'])
    await contract(phone, unchanged as [Exchange, ...Exchange[]], async () => {
      expect(await phone.client.sync()).toMatchObject({ phase: 'idle' })
    })
    expect(phone.client.catalogue.reasons().map((reason) => reason.text)).toEqual(['Other'])
  })

  test('a stream says "pull now" as soon as it is open', async () => {
    const phone = await PactPhone.open(37, true)
    await phone.client.signIn(USER, TOKENS)
    const hello: Exchange = {
      given: 'a sales person whose access token ends in a moment',
      receiving: 'a stream',
      method: 'GET',
      path: '/api/v1/requests/updates/stream',
      headers: { accept: 'text/event-stream' },
      answer: {
        status: 200,
        headers: { 'Content-Type': 'text/event-stream' },
        text: 'event: poke\ndata: {}\n\n',
      },
    }
    await contract(phone, [hello], async () => {
      // Starting pulls once, and the poke once more.
      phone.client.start()
      await eventually(() => expect(phone.pulls).toBe(2))
    })
    phone.client.pause()
  })
}
