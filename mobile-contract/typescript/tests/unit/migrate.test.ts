/** A queue that an older version wrote, as it lay on the disk. */
import { expect, test } from 'vitest'
import { memoryStore, openClient, type Row, StoreFailed } from '../../src/index.js'
import { allApplied, answer, emptyPage, FakeTime, TOKENS, USER } from '../support/fake-world.js'

const row = (table: Row['table'], key: string, value: unknown): Row => ({
  table,
  key,
  value: JSON.stringify(value),
})

function formatOne(): Map<string, Row> {
  const hlc = '2026-11-21T10:00:00.000Z-0000-a1b2c3d4e5f60718'
  const change = {
    opId: '01890000-0000-7000-8000-000000000001',
    type: 'upsert',
    id: '01890000-0000-7000-8000-0000000000aa',
    hlc,
    fields: { title: 'From an older version' },
  }
  const rows = [
    row('meta', 'format', { version: 1 }),
    row('meta', 'install', { deviceId: 'device', nodes: ['a1b2c3d4e5f60718'] }),
    row('meta', 'clock', { millis: 1795255200000, counter: 0, offsetMs: 0 }),
    row('meta', 'user', USER),
    row('meta', 'seq', { next: 1000001 }),
    row('queue', '000001000000', { seq: 1000000, service: 'requests', change, retryAtMs: 0 }),
    row('notices', 'n', {
      id: 'n',
      kind: 'refused',
      service: 'requests',
      recordId: change.id,
      atMs: 1,
      code: 'locked',
      detail: null,
      change: null,
      superseded: [],
      stands: {},
    }),
  ]
  return new Map(rows.map((one) => [`${one.table}/${one.key}`, one]))
}

async function open(rows: Map<string, Row>, sent: string[] = []) {
  const client = await openClient({
    baseUrl: 'https://budget.test',
    store: memoryStore(rows),
    transport: async (request) => {
      sent.push(request.body ?? '')
      return request.method === 'POST' ? allApplied(request) : answer(200, emptyPage())
    },
    environment: new FakeTime().environment,
    deviceId: 'device',
    vault: { load: async () => TOKENS, save: async () => {} },
  })
  return client
}

test('opens, shows, is sent as it was, and is of the present format from then on', async () => {
  const rows = formatOne()
  const sent: string[] = []
  const client = await open(rows, sent)
  expect(client.requests.list()).toMatchObject([{ title: 'From an older version', queued: 1 }])
  expect(client.notices.list()).toMatchObject([{ code: 'locked', by: [] }])
  expect(client.queue.list()).toMatchObject([{ attempts: 0, notBeforeMs: 0 }])
  expect(JSON.parse(rows.get('meta/format')?.value ?? '{}')).toEqual({ version: 2 })
  await client.sync()
  expect(sent[0]).toContain('2026-11-21T10:00:00.000Z-0000-a1b2c3d4e5f60718')
  expect(client.status()).toMatchObject({ phase: 'idle', queued: 0 })
  expect((await open(rows)).queue.list()).toEqual([])
})

test('what a newer version wrote is not touched, and the app is told', async () => {
  const rows = formatOne()
  rows.set('meta/format', row('meta', 'format', { version: 3 }))
  const before = JSON.stringify([...rows])
  await expect(open(rows)).rejects.toThrow(StoreFailed)
  expect(JSON.stringify([...rows])).toBe(before)
})
