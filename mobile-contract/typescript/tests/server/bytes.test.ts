/** A queue of 500 over a connection that dies at a byte, for bytes all along the way up and down. */
import { expect, test, vi } from 'vitest'
import { dyingLine } from '../support/dying-line.js'
import { call, type Person, person, serverUrl, tokenOf } from '../support/organisation.js'
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
  expect([where, titles.length, new Set(titles).size]).toEqual([where, QUEUED, QUEUED])
  expect(made.client.requests.list().length).toBe(QUEUED)
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
  await vi.waitFor(() => expect(made.client.status()).toMatchObject({ phase: 'idle', queued: 0 }), 10_000)
  expect(made.calls.length).toBe(before + 1)
  expect(JSON.parse(made.calls[before]?.body ?? '{}').changes.length).toBe(QUEUED)
})
