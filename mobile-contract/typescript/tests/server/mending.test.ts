/** What goes wrong inside the queue itself, and is put right. */
import { expect, test } from 'vitest'
import { InFlight } from '../../src/index.js'
import { organisation } from '../support/organisation.js'
import { answerLost, network, offline, online, type Phone, phone } from '../support/phone.js'

const DRAFT = { title: 'Trade fair', amount: { minor: 125_000, currency: 'EUR' as const } }

/** Opens the app on rows that were changed by hand. */
async function tampered(
  on: Phone,
  change: (value: Record<string, never>, key: string) => void,
): Promise<void> {
  for (const [key, row] of on.rows) {
    const value = JSON.parse(row.value)
    change(value, key)
    on.rows.set(key, { ...row, value: JSON.stringify(value) })
  }
  await on.open()
}

test('a text whose base was refused is based on what that one was based on, and goes through', async () => {
  const { sales } = await organisation()
  const a = await phone(sales)
  const id = await a.client.requests.create({ ...DRAFT, justification: 'One.' })
  await a.client.sync()
  a.fault = offline
  await a.client.requests.edit(id, { justification: 'One. Two.', region: 'EMEA' })
  // In doubt now, so the next edit is an item of its own.
  await a.client.sync()
  await a.client.requests.edit(id, { justification: 'One. Two. Three.' })
  expect(a.client.queue.list().length).toBe(2)
  let refused = ''
  await tampered(a, (value, key) => {
    const item = value as { change?: { opId: string; fields?: { region?: string } } }
    if (!key.startsWith('queue/') || item.change?.fields?.region === undefined) return
    item.change.fields.region = 'x'.repeat(65)
    refused = item.change.opId
  })
  a.fault = online
  await a.client.sync()
  await a.client.sync()
  expect(a.client.status()).toMatchObject({ phase: 'idle', queued: 0 })
  expect(a.client.notices.list()).toMatchObject([
    { kind: 'refused', code: 'invalid_value', change: { opId: refused } },
  ])
  expect(a.client.requests.get(id)).toMatchObject({ justification: 'One. Two. Three.', region: null })
})

test('an item that is taken back takes nothing along that was typed after it', async () => {
  const { sales } = await organisation()
  const a = await phone(sales)
  const id = await a.client.requests.create({ ...DRAFT, justification: 'One.' })
  await a.client.sync()
  a.fault = offline
  const text = a.client.requests.openText(id)
  await text.set('One. Two.')
  await a.client.sync()
  await text.set('One. Two. Three.')
  const [first] = a.client.queue.list()
  await expect(a.client.queue.discard(first?.change.opId ?? '')).rejects.toThrow(InFlight)
  // Once the server has said that it took nothing, it can be taken back.
  a.fault = async () => ({ status: 400, header: () => null, body: '{"code":"malformed_body","detail":"no"}' })
  await tampered(a, (value, key) => {
    if (key === 'meta/inflight') Object.assign(value, { opIds: [] })
  })
  expect(await a.client.queue.discard(first?.change.opId ?? '')).toBe(true)
  a.fault = online
  await a.client.sync()
  expect(a.client.status()).toMatchObject({ phase: 'idle', queued: 0, notices: 0 })
  expect(a.client.requests.get(id)?.justification).toBe('One. Two. Three.')
})

test('a line that never carries a large batch carries small ones', async () => {
  const { sales } = await organisation()
  const a = await phone(sales)
  for (let at = 0; at < 300; at += 1) await a.client.requests.create({ title: `Request ${at}` })
  let most = 0
  a.fault = async (request) => {
    const bytes = request.body?.length ?? 0
    if (bytes > 20_000) throw new Error('the connection died')
    most = Math.max(most, bytes)
    return network(request)
  }
  let rounds = 0
  while (a.client.status().queued > 0 && rounds < 60) {
    await a.client.sync()
    rounds += 1
  }
  expect(a.client.status()).toMatchObject({ queued: 0, notices: 0 })
  expect(most).toBeGreaterThan(5_000)
})

test('edits that were never sent become one item; what may have been sent is left as it is', async () => {
  const { sales } = await organisation()
  const a = await phone(sales)
  const id = await a.client.requests.create({ title: 'T' })
  const text = a.client.requests.openText(id)
  for (const letters of ['H', 'He', 'Hel', 'Hell', 'Hello']) await text.set(letters)
  await a.client.requests.edit(id, { title: 'Ti' })
  expect(a.client.queue.list().length).toBe(1)
  a.fault = answerLost
  await a.client.sync()
  await text.set('Hello, Lyon')
  await a.client.requests.edit(id, { title: 'Title' })
  expect(a.client.queue.list().length).toBe(2)
  a.fault = online
  await a.client.sync()
  expect(a.client.status()).toMatchObject({ queued: 0, notices: 0 })
  expect(a.client.requests.get(id)).toMatchObject({ title: 'Title', justification: 'Hello, Lyon' })
})

test('an edit that says what is shown anyway is no item', async () => {
  const { sales } = await organisation()
  const a = await phone(sales)
  const id = await a.client.requests.create({ ...DRAFT, justification: 'Because.' })
  await a.client.sync()
  await a.client.requests.edit(id, { ...DRAFT, justification: 'Because.' })
  expect(a.client.queue.list()).toEqual([])
})
