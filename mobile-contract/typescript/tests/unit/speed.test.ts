/** A phone that was away for long: 10,000 records in pages of 1,000. */
import { availableParallelism, loadavg } from 'node:os'
import { expect, test } from 'vitest'
import { memoryStore, openClient, type Store } from '../../src/index.js'
import { newRequest } from '../../src/records/request-view.js'
import { answer, TOKENS, USER } from '../support/fake-world.js'
import { realmDisk } from '../support/realm-engine.js'

const RECORDS = 10_000
const PAGE = 1_000
const at = (n: number) => `2026-11-22T10:00:00.${String(n).padStart(6, '0')}Z`

function pages(): string[] {
  const stamp = '2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718'
  const stamps = { title: stamp, amount: stamp, justification: stamp }
  return Array.from({ length: RECORDS / PAGE }, (_, page) => {
    const changes = Array.from({ length: PAGE }, (_, index) => {
      const n = page * PAGE + index
      const id = `01890000-0000-7000-8000-${String(n).padStart(12, '0')}`
      const content = { title: `Request ${n}`, amount: { minor: n + 1, currency: 'EUR' as const } }
      const text = { justification: 'Where customers decide. '.repeat(8), justificationHeads: [stamp] }
      return { kind: 'upsert', record: { ...newRequest(id, USER.id, at(n)), ...content, ...text, stamps } }
    })
    const hasMore = page < RECORDS / PAGE - 1
    return JSON.stringify({ serverTime: at(0), lastSync: at((page + 1) * PAGE - 1), hasMore, changes })
  })
}

/**
 * Milliseconds until all is kept on the device and shown; on a machine that has more to do than it can, those of
 * work alone: the others' turns are not what is measured.
 */
async function pulledInMs(store: Store): Promise<number> {
  const bodies = pages()
  let page = 0
  const client = await openClient({
    baseUrl: 'https://budget.test',
    store,
    transport: async ({ url }) => {
      if (!url.includes('/requests/updates')) return answer(200, { items: [], next: null })
      page += 1
      return { ...answer(200, null), body: bodies[page - 1] ?? '' }
    },
    environment: {
      nowMs: () => Date.now(),
      randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
      timer: () => () => {},
    },
    deviceId: 'device',
    vault: { load: async () => TOKENS, save: async () => {} },
  })
  await client.signIn(USER, TOKENS)
  // Something of its own lies over it, so that views are merged too.
  await client.requests.create({ title: 'Mine' }, '01890000-0000-7000-8000-ffffffffffff')
  await client.queue.discard(client.queue.list()[0]?.change.opId ?? '')
  const started = performance.now()
  const used = process.cpuUsage()
  await client.sync()
  const { length } = client.requests.list()
  const wallMs = performance.now() - started
  const { user, system } = process.cpuUsage(used)
  const cpuMs = (user + system) / 1000
  expect(length).toBe(RECORDS)
  process.stdout.write(`${RECORDS} pulled records: ${Math.round(wallMs)} ms, ${Math.round(cpuMs)} of work\n`)
  const [load = 0] = loadavg()
  return load > availableParallelism() ? cpuMs : wallMs
}

/** The best of three: what else the machine does is not what is measured. */
async function best(run: () => Promise<number>): Promise<number> {
  return Math.min(await run(), await run(), await run())
}

test('merged and kept within a second in memory', async () => {
  expect(await best(() => pulledInMs(memoryStore()))).toBeLessThanOrEqual(1_000)
})

test('merged and kept within three seconds in Realm', async () => {
  const run = async () => {
    const disk = await realmDisk()
    const ms = await pulledInMs(await disk.store())
    await disk.destroy()
    return ms
  }
  expect(await best(run)).toBeLessThanOrEqual(3_000)
})
