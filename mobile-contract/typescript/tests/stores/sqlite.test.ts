import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { fromExecute, sqliteStore } from '../../src/stores/sqlite.js'
import { behavesAsAStore } from './suite.js'

async function onDisk(open: (path: string) => ReturnType<typeof sqliteStore>) {
  const folder = await mkdtemp(join(tmpdir(), 'athena-sqlite-'))
  return {
    store: async () => open(join(folder, 'athena.db')),
    destroy: () => rm(folder, { recursive: true, force: true }),
  }
}

behavesAsAStore(() => onDisk((path) => sqliteStore(new Database(path))))

test('a commit that fails half-way leaves nothing of itself', async () => {
  const db = new Database(':memory:')
  const store = sqliteStore(db)
  await store.open()
  await store.commit([{ table: 'meta', key: 'a', value: '1' }])
  const broken = { table: 'meta' as const, key: 'c', value: { not: 'text' } as never }
  await expect(store.commit([{ table: 'meta', key: 'b', value: '2' }, broken])).rejects.toThrow()
  expect(db.prepare('select key from athena_rows').all()).toEqual([{ key: 'a' }])
  await store.commit([{ table: 'meta', key: 'd', value: '4' }])
})

test('a driver with one function for everything is one too', async () => {
  const db = new Database(':memory:')
  const store = sqliteStore(
    fromExecute((sql, values) => {
      const statement = db.prepare(sql)
      if (statement.reader) return statement.all(...values)
      statement.run(...values)
      return undefined
    }),
  )
  expect(await store.open()).toEqual([])
  await store.commit([{ table: 'meta', key: 'a', value: '1' }])
  await store.commit([{ table: 'meta', key: 'a', value: null }])
  expect(db.prepare('select * from athena_rows').all()).toEqual([])
})
