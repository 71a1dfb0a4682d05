import { expect, test } from 'vitest'
import { realmStore } from '../../src/stores/realm.js'
import { realmDisk } from '../support/realm-engine.js'
import { behavesAsAStore } from './suite.js'

behavesAsAStore(realmDisk)

test("an app's live query sees a request come, change and go", async () => {
  const disk = await realmDisk()
  const realm = await disk.realm()
  const store = realmStore(realm)
  await store.open()
  const drafts = realm
    .objects<{ title: string; amountMinor: number }>('AthenaRequest')
    .filtered('status == "draft"')
  const value = (title: string, status: string) =>
    JSON.stringify({
      id: 'a',
      title,
      amount: { minor: 5, currency: 'EUR' },
      categoryId: null,
      status,
      updatedAt: 'x',
    })
  await store.commit([{ table: 'requests', key: 'a', value: value('One', 'draft') }])
  expect(drafts.map(({ title, amountMinor }) => [title, amountMinor])).toEqual([['One', 5]])
  await store.commit([{ table: 'requests', key: 'a', value: value('Two', 'draft') }])
  expect(drafts.map(({ title }) => title)).toEqual(['Two'])
  await store.commit([{ table: 'requests', key: 'a', value: value('Two', 'pending_l1') }])
  expect(drafts.length).toBe(0)
  await store.commit([{ table: 'requests', key: 'a', value: null }])
  expect(realm.objects('AthenaRequest').length).toBe(0)
  await disk.destroy()
})

test('a commit that fails half-way leaves nothing of itself', async () => {
  const disk = await realmDisk()
  const realm = await disk.realm()
  const store = realmStore(realm)
  await store.open()
  const broken = { table: 'requests' as const, key: 'c', value: '{"status":5}' }
  await expect(store.commit([{ table: 'meta', key: 'b', value: '2' }, broken])).rejects.toThrow()
  expect(realm.objects('AthenaRow').length).toBe(0)
  await disk.destroy()
})
