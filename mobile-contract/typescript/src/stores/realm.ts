/**
 * Realm. Requests and approvals are objects of their own beside the rows, so that an app's live queries
 * (`useQuery('AthenaRequest')`) go on working; what they show is what the server said last, without the queue.
 *
 *   const realm = await Realm.open({ schema: [...athenaSchemas, ...yourSchemas], schemaVersion: 1 })
 *   realmStore(realm)
 */
import type { Row, Store, Write } from '../store/store.js'

/** One row of the client's. */
export const ATHENA_ROW = {
  name: 'AthenaRow',
  primaryKey: 'id',
  properties: { id: 'string', tbl: 'string', key: 'string', value: 'string' },
} as const

/** What of a request an app sorts and filters by. */
export const ATHENA_REQUEST = {
  name: 'AthenaRequest',
  primaryKey: 'id',
  properties: {
    id: 'string',
    title: 'string?',
    amountMinor: 'int?',
    currency: 'string?',
    categoryId: 'string?',
    status: { type: 'string', indexed: true },
    updatedAt: { type: 'string', indexed: true },
  },
} as const

/** What of an approval an app sorts and filters by. */
export const ATHENA_APPROVAL = {
  name: 'AthenaApproval',
  primaryKey: 'id',
  properties: {
    id: 'string',
    requestId: 'string',
    level: 'int',
    status: { type: 'string', indexed: true },
    updatedAt: { type: 'string', indexed: true },
  },
} as const

export const athenaSchemas = [ATHENA_ROW, ATHENA_REQUEST, ATHENA_APPROVAL]

/** As much of a Realm as is used; the Realm of `realm` 10 to 20 is one. */
export interface RealmLike {
  write<R>(work: () => R): R
  create(type: string, values: Record<string, unknown>, mode: never): unknown
  objectForPrimaryKey(type: string, key: string): unknown
  objects(type: string): Iterable<unknown>
  delete(object: never): void
  close(): void
}

type Wire = Record<string, unknown>

function pick(record: Wire, names: readonly string[]): Wire {
  return Object.fromEntries(names.map((name) => [name, record[name] ?? null]))
}

const SHOWN: Record<string, { type: string; of(record: Wire): Wire }> = {
  requests: {
    type: ATHENA_REQUEST.name,
    of: (record) => {
      const amount = record.amount as { minor: number; currency: string } | null
      const money = { amountMinor: amount?.minor ?? null, currency: amount?.currency ?? null }
      return { ...pick(record, ['id', 'title', 'categoryId', 'status', 'updatedAt']), ...money }
    },
  },
  approvals: {
    type: ATHENA_APPROVAL.name,
    of: (record) => pick(record, ['id', 'requestId', 'level', 'status', 'updatedAt']),
  },
}

/** The Realm stays the app's: closing the client leaves it open. */
export function realmStore(realm: RealmLike): Store {
  const upsert = 'modified' as never
  const remove = (type: string, key: string) => {
    const object = realm.objectForPrimaryKey(type, key)
    if (object !== null && object !== undefined) realm.delete(object as never)
  }
  const apply = ({ table, key, value }: Write) => {
    const shown = SHOWN[table]
    const id = `${table}/${key}`
    if (value === null) {
      remove(ATHENA_ROW.name, id)
      if (shown !== undefined) remove(shown.type, key)
      return
    }
    realm.create(ATHENA_ROW.name, { id, tbl: table, key, value }, upsert)
    if (shown !== undefined) realm.create(shown.type, shown.of(JSON.parse(value) as Wire), upsert)
  }
  return {
    async open() {
      const rows: Row[] = []
      for (const object of realm.objects(ATHENA_ROW.name)) {
        const { tbl, key, value } = object as { tbl: Row['table']; key: string; value: string }
        rows.push({ table: tbl, key, value })
      }
      return rows
    },
    async commit(writes) {
      realm.write(() => {
        for (const write of writes) apply(write)
      })
    },
    async close() {},
  }
}
