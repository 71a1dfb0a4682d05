/**
 * Realm. Requests and approvals are objects of their own beside the rows, so that an app's live queries
 * (`useQuery('AthenaRequest')`) go on working; what they show is what the server said last, without the queue.
 *
 *   const realm = await Realm.open({ schema: [...athenaSchemas, ...yourSchemas], schemaVersion: 1 })
 *   realmStore(realm)
 */
import type { Row, Store, Write } from '../store/store.js'
import type { TableName } from '../store/tables.js'

/** A row of the client's that is no record. */
export const ATHENA_ROW = {
  name: 'AthenaRow',
  primaryKey: 'id',
  properties: { id: 'string', tbl: 'string', key: 'string', value: 'string' },
} as const

/** A request: what an app sorts and filters by, and the whole of it as JSON in `value`. */
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
    updatedAt: 'string',
    value: 'string',
  },
} as const

/** An approval, likewise. */
export const ATHENA_APPROVAL = {
  name: 'AthenaApproval',
  primaryKey: 'id',
  properties: {
    id: 'string',
    requestId: 'string',
    level: 'int',
    status: { type: 'string', indexed: true },
    updatedAt: 'string',
    value: 'string',
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

/** The tables whose rows are objects of their own, and what of them a Realm's properties hold. */
const RECORDS: Partial<Record<TableName, { type: string; of(record: Wire): Wire }>> = {
  requests: {
    type: ATHENA_REQUEST.name,
    of: (record) => {
      const amount = record.amount as { minor: number; currency: string } | null
      const money = { amountMinor: amount?.minor ?? null, currency: amount?.currency ?? null }
      return { ...pick(record, ['title', 'categoryId', 'status', 'updatedAt']), ...money }
    },
  },
  approvals: {
    type: ATHENA_APPROVAL.name,
    of: (record) => pick(record, ['requestId', 'level', 'status', 'updatedAt']),
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
    const record = RECORDS[table]
    const id = `${table}/${key}`
    if (record !== undefined) {
      if (value === null) remove(record.type, key)
      else realm.create(record.type, { ...record.of(JSON.parse(value) as Wire), id: key, value }, upsert)
    } else if (value === null) remove(ATHENA_ROW.name, id)
    else realm.create(ATHENA_ROW.name, { id, tbl: table, key, value }, upsert)
  }
  return {
    async open() {
      const rows: Row[] = []
      for (const object of realm.objects(ATHENA_ROW.name)) {
        const { tbl, key, value } = object as { tbl: TableName; key: string; value: string }
        rows.push({ table: tbl, key, value })
      }
      for (const [table, { type }] of Object.entries(RECORDS)) {
        for (const object of realm.objects(type)) {
          const { id, value } = object as { id: string; value: string }
          rows.push({ table: table as TableName, key: id, value })
        }
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
