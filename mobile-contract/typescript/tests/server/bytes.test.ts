/** A queue of 500 over a connection that dies at a byte, for bytes all along the way up and down. */
import { expect, test } from 'vitest'
import { dyingLine } from '../support/dying-line.js'
import { call, type Person, person, serverUrl, tokenOf } from '../support/organisation.js'
import { eventually } from '../support/patience.js'
import { type Fault, network, online, type Phone, phone } from '../support/phone.js'

const QUEUED = 500
const POSITIONS = process.env.ATHENA_LONG === '1' ? 400 : 10

/** Every sync goes over this line. */
function over(url: string): Fault {
  return (request) => network({ ...request, url: request.url.replace(serverUrl(), url) })
}

async function full(owner: Person): Promise<Phone> {
  const made = await phone(owner)
  for (let at = 0; at < QUEUED; at += 1) await made.client.requests.create({ title: `Request ${at}` })
  return made
}

/** What one whole round carries, so that positions can be chosen. */
async function measured(): Promise<{ up: number; down: number }> {
  const made = await full(await person('sales'))
  const line = await dyingLine(serverUrl(), {})
  made.fault = over(line.url)
  await made.client.sync()
  await line.close()
  return line.carried
}

/** Everything is on the server once, and on the phone; nothing is left to do. */
async function expectAll(made: Phone, owner: Person, count: number, where = ''): Promise<void> {
  expect([where, made.client.status()]).toMatchObject([where, { phase: 'idle', queued: 0, notices: 0 }])
  const token = await tokenOf(owner.email)
  const titles: string[] = []
  let since = ''
  for (let more = true; more; ) {
    const page = await call<{ changes: { record: { title: string } }[]; hasMore: boolean; lastSync: string }>(
      token,
      'GET',
      `/api/v1/requests/updates?limit=1000${since}`,
    )
    titles.push(...page.changes.map((change) => change.record.title))
    since = `&lastSync=${encodeURIComponent(page.lastSync)}`
    more = page.hasMore
  }
  expect([where, titles.length, new Set(titles).size]).toEqual([where, count, count])
  expect(made.client.requests.list().length).toBe(count)
}

/** Whether the line died before the answer to the push was whole: what comes after it is the catalogue. */
async function survives(dies: { up?: number; down?: number }): Promise<boolean> {
  const owner = await person('sales')
  const made = await full(owner)
  const line = await dyingLine(serverUrl(), dies)
  made.fault = over(line.url)
  await made.client.sync()
  await line.close()
  const where = JSON.stringify(dies)
  const { phase, queued } = made.client.status()
  expect([where, phase]).toEqual([where, 'waiting'])
  expect([0, QUEUED]).toContain(queued)
  // The app does not live to see it either.
  await made.open()
  made.fault = online
  await made.client.sync()
  await expectAll(made, owner, QUEUED, where)
  return queued === QUEUED
}

test(`nothing is lost and nothing counts twice, wherever the line dies (${POSITIONS} bytes)`, async () => {
  const { up, down } = await measured()
  expect(up).toBeGreaterThan(50_000)
  let inThePush = 0
  for (let at = 0; at < POSITIONS / 2; at += 1) {
    if (await survives({ up: 1 + Math.floor((at / (POSITIONS / 2)) * (up - 2)) })) inThePush += 1
    if (await survives({ down: 1 + Math.floor((at / (POSITIONS / 2)) * (down - 2)) })) inThePush += 1
  }
  expect(inThePush).toBeGreaterThanOrEqual(POSITIONS / 2)
})

test('a push of 500 queued changes is one request, with what is new as its answer', async () => {
  const made = await phone(await person('sales'))
  await made.client.sync()
  made.client.setOnline(false)
  for (let at = 0; at < QUEUED; at += 1) await made.client.requests.create({ title: `Request ${at}` })
  const before = made.calls.length
  made.client.setOnline(true)
  await eventually(() => expect(made.client.status()).toMatchObject({ phase: 'idle', queued: 0 }))
  expect(made.calls.length).toBe(before + 1)
  expect(JSON.parse(made.calls[before]?.body ?? '{}').changes.length).toBe(QUEUED)
})

/** Few enough that each byte can have its turn. */
const SHORT = 16
/** Each way up is a connection of its own. */
const UP_STEP = process.env.ATHENA_LONG === '1' ? 1 : 16

test('an answer that is cut at every byte in turn is no answer: nothing is settled by it, nothing twice', async () => {
  const owner = await person('sales')
  const made = await phone(owner)
  for (let at = 0; at < SHORT; at += 1) await made.client.requests.create({ title: `Request ${at}` })
  const queued = JSON.stringify(made.client.queue.list().map((item) => item.change))
  let whole: Awaited<ReturnType<typeof network>> | null = null
  let cut = 0
  made.fault = async (_, send) => {
    // The server takes it once; whatever is sent again it would answer with the same.
    whole ??= await send()
    return { ...whole, body: whole.body.slice(0, cut) }
  }
  await made.client.sync()
  const bytes = (whole as { body: string } | null)?.body.length ?? 0
  expect(bytes).toBeGreaterThan(1_000)
  for (cut = 1; cut < bytes; cut += 1) {
    await made.client.sync()
    const { phase, queued: left, notices } = made.client.status()
    if (phase !== 'waiting' || left !== SHORT || notices !== 0)
      expect([cut, phase, left, notices]).toEqual([cut, 'waiting', SHORT, 0])
  }
  expect(JSON.stringify(made.client.queue.list().map((item) => item.change))).toBe(queued)
  made.fault = online
  await made.client.sync()
  await expectAll(made, owner, SHORT)
})

test(`a line that dies at each byte on the way up, in turn, loses nothing (every ${UP_STEP})`, async () => {
  const owner = await person('sales')
  const made = await phone(owner)
  for (let at = 0; at < SHORT; at += 1) await made.client.requests.create({ title: `Request ${at}` })
  let at = 1
  // Until the whole of it gets through: then its answer comes, too.
  for (; made.client.status().queued > 0; at += UP_STEP) {
    const line = await dyingLine(serverUrl(), { up: at })
    made.fault = over(line.url)
    await made.client.sync()
    await line.close()
    expect([0, SHORT]).toContain(made.client.status().queued)
  }
  expect(at).toBeGreaterThan(1_000)
  made.fault = online
  await made.client.sync()
  await expectAll(made, owner, SHORT)
})
