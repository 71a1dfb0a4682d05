/** What every store must do. An adapter's test hands in how to make one on a fresh disk, and how to open it again. */
import { expect, test } from 'vitest'
import type { Row, Store } from '../../src/index.js'

export interface Disk {
  /** A store on this disk; the one before is closed. */
  store(): Promise<Store>
  destroy(): Promise<void>
}

const row = (table: Row['table'], key: string, value: unknown): Row => ({
  table,
  key,
  value: JSON.stringify(value),
})
const sorted = (rows: readonly Row[]) =>
  [...rows].sort((one, other) => (`${one.table}/${one.key}` < `${other.table}/${other.key}` ? -1 : 1))
const request = (id: string, title: string | null) => ({
  id,
  title,
  amount: title === null ? null : { minor: 5, currency: 'EUR' },
  categoryId: null,
  status: 'draft',
  updatedAt: '2026-11-22T10:00:00.000000Z',
})

/** The cases by name, so that a browser can run them too. */
export const CASES: Record<
  string,
  (disk: Disk, equal: (one: unknown, other: unknown) => void) => Promise<void>
> = {
  'a new one is empty': async (disk, equal) => {
    equal(await (await disk.store()).open(), [])
  },
  'what was committed is there when it is opened again': async (disk, equal) => {
    const rows = [
      row('meta', 'format', { version: 2 }),
      row('queue', '000001000000', { text: 'Zürich ✈ "quoted" \u0001 😀' }),
      row(
        'requests',
        '01890000-0000-7000-8000-0000000000aa',
        request('01890000-0000-7000-8000-0000000000aa', 'x'),
      ),
    ]
    const store = await disk.store()
    await store.open()
    await store.commit(rows)
    await store.close()
    const again = await disk.store()
    equal(sorted(await again.open()), sorted(rows))
  },
  'one key in two tables is two rows; a write replaces; null removes, also what is not there': async (
    disk,
    equal,
  ) => {
    const store = await disk.store()
    await store.open()
    await store.commit([row('meta', 'a', 1), row('queue', 'a', 2)])
    await store.commit([row('meta', 'a', 3), { table: 'queue', key: 'a', value: null }])
    await store.commit([{ table: 'notices', key: 'nothing', value: null }])
    await store.close()
    equal(await (await disk.store()).open(), [row('meta', 'a', 3)])
  },
  'the last write of a commit counts': async (disk, equal) => {
    const store = await disk.store()
    await store.open()
    await store.commit([row('meta', 'a', 1), { table: 'meta', key: 'a', value: null }, row('meta', 'a', 2)])
    await store.close()
    equal(await (await disk.store()).open(), [row('meta', 'a', 2)])
  },
  'a thousand rows in one commit, and their removal': async (disk, equal) => {
    const store = await disk.store()
    await store.open()
    const ids = Array.from({ length: 1000 }, (_, at) => `id-${at}`)
    await store.commit(ids.map((id) => row('requests', id, request(id, id))))
    await store.close()
    const again = await disk.store()
    equal((await again.open()).length, 1000)
    await again.commit(ids.map((id) => ({ table: 'requests', key: id, value: null })))
    await again.close()
    equal(await (await disk.store()).open(), [])
  },
  'closing keeps everything': async (disk, equal) => {
    const store = await disk.store()
    await store.open()
    await store.commit([row('meta', 'a', 1)])
    await store.close()
    equal((await (await disk.store()).open()).length, 1)
  },
}

export function behavesAsAStore(makeDisk: () => Promise<Disk>): void {
  for (const [name, run] of Object.entries(CASES)) {
    test(name, async () => {
      const disk = await makeDisk()
      try {
        await run(disk, (one, other) => expect(one).toEqual(other))
      } finally {
        await disk.destroy()
      }
    })
  }
}
