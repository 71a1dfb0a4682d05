/** What people complain about in apps that sync, each made to happen against the real server. */
import { expect, test } from 'vitest'
import { memoryStore, type Row, type Store, StoreFailed } from '../../src/index.js'
import { call, organisation, PASSWORD, person, tokenOf } from '../support/organisation.js'
import { eventually } from '../support/patience.js'
import { answerLost, halfAnswer, offline, online, Phone, phone } from '../support/phone.js'

const DRAFT = { title: 'Trade fair', amount: { minor: 125_000, currency: 'EUR' as const } }
interface History {
  items: { event: string }[]
}

async function eventsOf(email: string, id: string): Promise<string[]> {
  const { items } = await call<History>(await tokenOf(email), 'GET', `/api/v1/requests/${id}/status`)
  return items.map((item) => item.event)
}

test('"it was submitted twice": the answer was lost, and the connectivity event fired twice', async () => {
  const { sales, categoryId, reasonId } = await organisation()
  const a = await phone(sales)
  const id = await a.client.requests.create({ ...DRAFT, categoryId, reasonId })
  await a.client.requests.submit(id)
  for (const fault of [answerLost, halfAnswer]) {
    a.fault = fault
    await a.client.sync()
    expect(a.client.status()).toMatchObject({ phase: 'waiting', queued: 2 })
  }
  a.client.setOnline(false)
  a.fault = online
  const before = a.pushes().length
  a.client.setOnline(true)
  a.client.setOnline(true)
  await Promise.all([a.client.sync(), a.client.sync()])
  expect(a.client.status()).toMatchObject({ phase: 'idle', queued: 0, notices: 0 })
  expect(a.pushes().length).toBe(before + 1)
  const events = await eventsOf(sales.email, id)
  expect(events.filter((event) => event === 'submitted')).toEqual(['submitted'])
  expect(events.filter((event) => event === 'created')).toEqual(['created'])
})

test('"I lost what I did when the app was killed": the queue is there when it opens again', async () => {
  const { sales } = await organisation()
  const a = await phone(sales)
  a.fault = offline
  const ids: string[] = []
  for (const title of ['One', 'Two', 'Three']) ids.push(await a.client.requests.create({ title }))
  await a.client.sync()
  // No close, no goodbye.
  await a.open()
  expect(a.client.requests.list().map((view) => view.title)).toEqual(
    expect.arrayContaining(['One', 'Two', 'Three']),
  )
  expect(a.client.status().queued).toBe(3)
  a.fault = online
  await a.client.sync()
  expect(a.client.status()).toMatchObject({ queued: 0 })
  for (const id of ids) await call(await tokenOf(sales.email), 'GET', `/api/v1/requests/${id}`)
})

test('"it just vanished": what the server will not take stays, marked, with retry and discard', async () => {
  const { sales, categoryId, reasonId } = await organisation()
  const a = await phone(sales)
  const id = await a.client.requests.create({ title: 'Half' })
  await a.client.requests.submit(id)
  await a.client.sync()
  await a.open()
  const [notice] = a.client.notices.list()
  expect(notice).toMatchObject({ kind: 'refused', code: 'incomplete', change: { type: 'submit' } })
  // Complete it and try again: the same button, and it goes through.
  await a.client.requests.edit(id, { ...DRAFT, categoryId, reasonId })
  await a.client.notices.retry(notice?.id ?? '')
  await a.client.sync()
  expect(a.client.requests.get(id)?.status).toBe('pending_l1')
  expect(a.client.notices.list()).toEqual([])

  const other = await a.client.requests.create({ title: 'Half again' })
  await a.client.requests.submit(other)
  await a.client.sync()
  await a.client.notices.discard(a.client.notices.list()[0]?.id ?? '')
  await a.open()
  expect(a.client.notices.list()).toEqual([])
})

test('"after many failures it gave up": however often the network fails, the item stays and says why', async () => {
  const { sales } = await organisation()
  const a = await phone(sales)
  const id = await a.client.requests.create(DRAFT)
  a.fault = offline
  for (let round = 0; round < 25; round += 1) await a.client.sync()
  expect(a.client.status()).toMatchObject({ phase: 'waiting', queued: 1 })
  expect(a.client.status().error?.message).toContain('no network')
  a.fault = online
  await a.client.sync()
  expect(a.client.requests.get(id)?.queued).toBe(0)
})

test('"my edit disappeared": what lost is told, over a restart, until it is acknowledged', async () => {
  const { sales } = await organisation()
  const [a, b] = [await phone(sales), await phone(sales)]
  const id = await a.client.requests.create(DRAFT)
  await a.client.sync()
  await b.client.sync()
  await a.client.requests.edit(id, { title: 'Mine' })
  b.skewMs = 50 // later, and not within one millisecond
  await b.client.requests.edit(id, { title: 'Theirs' })
  await b.client.sync()
  await a.client.sync()
  await a.open()
  const [notice] = a.client.notices.list()
  expect(notice).toMatchObject({
    kind: 'superseded',
    superseded: ['title'],
    change: { fields: { title: 'Mine' } },
    stands: { title: 'Theirs' },
  })
  await a.client.notices.acknowledge(notice?.id ?? '')
  await a.open()
  expect(a.client.notices.list()).toEqual([])
})

test('"it works in the office only": when local storage fails, the client stops and says so', async () => {
  const { sales } = await organisation()
  const a = await phone(sales)
  let full = false
  const rows = new Map<string, Row>(a.rows)
  const inner = memoryStore(rows)
  const store: Store = {
    ...inner,
    commit: async (writes) => {
      if (full) throw new Error('the disk is full')
      await inner.commit(writes)
    },
  }
  await a.open(store)
  await a.client.sync()
  full = true
  const kept = [...rows.keys()].sort()
  const before = a.calls.length
  await expect(a.client.requests.create(DRAFT)).rejects.toThrow(StoreFailed)
  expect(a.client.status()).toMatchObject({
    phase: 'failed',
    error: { message: expect.stringContaining('disk is full') },
  })
  expect(a.client.requests.list()).toEqual([])
  full = false
  // Not even when the disk is back: what is in memory may no longer be what it holds.
  await expect(a.client.requests.create(DRAFT)).rejects.toThrow(StoreFailed)
  await a.client.sync()
  expect([...rows.keys()].sort()).toEqual(kept)
  expect(a.calls.filter((made) => made.url.endsWith('/sync')).length).toBe(0)
  expect(a.calls.length).toBeLessThanOrEqual(before + 1)
})

test('"I was logged out and all was gone": edits and queue survive the end of a session', async () => {
  const { sales } = await organisation()
  const a = await phone(sales)
  const id = await a.client.requests.create(DRAFT)
  // The session is revoked on the server: neither token is worth anything any more.
  const tokens = await a.vault.load()
  await call(null, 'POST', '/api/v1/auth/logout', { refreshToken: tokens?.refreshToken })
  await eventually(() =>
    expect(call(tokens?.accessToken ?? '', 'GET', '/api/v1/users/me')).rejects.toThrow('session_revoked'),
  )
  await a.client.sync()
  expect(a.client.status()).toMatchObject({ phase: 'signed_out', queued: 1 })
  await a.client.requests.edit(id, { region: 'EMEA' })
  await a.open()
  await a.client.requests.edit(id, { title: 'Still here' })
  expect(a.client.requests.get(id)).toMatchObject({ title: 'Still here', region: 'EMEA' })
  await a.login()
  await a.client.sync()
  expect(a.client.status()).toMatchObject({ phase: 'idle', queued: 0, notices: 0 })
  expect(await call(await tokenOf(sales.email), 'GET', `/api/v1/requests/${id}`)).toMatchObject({
    title: 'Still here',
    region: 'EMEA',
  })
})

test('an expired access token is renewed once, for all who wait for it', async () => {
  const { sales } = await organisation()
  const a = await phone(sales)
  const tokens = await a.vault.load()
  if (tokens === null) throw new Error('not signed in')
  await a.vault.save({ ...tokens, accessToken: `${tokens.accessToken.slice(0, -4)}AAAA` })
  await a.open()
  await a.client.requests.create(DRAFT)
  await a.client.sync()
  expect(a.client.status()).toMatchObject({ phase: 'idle', queued: 0 })
  expect(a.calls.filter((made) => made.url.endsWith('/auth/refresh')).length).toBe(1)
})

test("another person's queue is never sent: not by signing in, not by tokens", async () => {
  const { sales } = await organisation()
  const other = await person('sales')
  const a = await phone(sales)
  await a.client.requests.create(DRAFT)
  await expect(a.client.login(other.email, PASSWORD)).rejects.toMatchObject({ name: 'WrongUser' })
  // A keychain that has the other's tokens.
  const b = new Phone(other)
  await b.open()
  await b.login()
  const stolen = await b.vault.load()
  await a.vault.save(stolen)
  await a.open()
  const before = a.pushes().length
  await a.client.sync()
  expect(a.client.status()).toMatchObject({ phase: 'wrong_user', queued: 1 })
  // And one that calls the other's tokens the owner's: the server refuses the batch whole.
  if (stolen === null) throw new Error('not signed in')
  await a.vault.save({ ...stolen, userId: sales.id })
  await a.open()
  await a.client.sync()
  expect(a.client.status()).toMatchObject({ phase: 'wrong_user', queued: 1 })
  expect(a.pushes().length).toBe(before + 1)
  const mine = await call<{ items: unknown[] }>(await tokenOf(other.email), 'GET', '/api/v1/requests')
  expect(mine.items).toEqual([])
})

test('a refused item never blocks those behind it, and a batch that is refused whole is cut until it is alone', async () => {
  const { sales } = await organisation()
  const a = await phone(sales)
  const ids: string[] = []
  for (let at = 0; at < 20; at += 1) ids.push(await a.client.requests.create({ title: `Request ${at}` }))
  // One item that no version of this client would make: a body the server refuses as a whole.
  for (const [key, row] of a.rows) {
    if (!row.value.includes('Request 7"')) continue
    const item = JSON.parse(row.value)
    item.change.fields = { title: JSON.parse(`${'['.repeat(40)}${']'.repeat(40)}`) }
    a.rows.set(key, { ...row, value: JSON.stringify(item) })
  }
  await a.open()
  await a.client.sync()
  expect(a.client.status()).toMatchObject({ queued: 0, notices: 1 })
  expect(a.client.notices.list()).toMatchObject([{ kind: 'refused', recordId: ids[7] }])
  const list = await call<{ items: unknown[] }>(
    await tokenOf(sales.email),
    'GET',
    '/api/v1/requests?limit=100',
  )
  expect(list.items.length).toBe(19)
})

test('a deleted request that came back from a backup of the phone is told, not sent again', async () => {
  const { sales } = await organisation()
  const a = await phone(sales)
  const id = await a.client.requests.create(DRAFT)
  await a.client.sync()
  const copy = new Phone(sales)
  for (const [key, row] of a.rows) copy.rows.set(key, row)
  await copy.open()
  await copy.login()
  const nodes = (rows: Map<string, Row>) =>
    JSON.parse(rows.get('meta/install')?.value ?? '{}').nodes as string[]
  expect(nodes(copy.rows).at(-1)).not.toBe(nodes(a.rows).at(-1))
  await a.client.requests.delete(id)
  await a.client.sync()
  await copy.client.requests.edit(id, { title: 'From the copy' })
  await copy.client.sync()
  expect(copy.client.requests.get(id)).toBeNull()
  expect(copy.client.notices.list()).toMatchObject([{ kind: 'refused', code: 'deleted' }])
})
