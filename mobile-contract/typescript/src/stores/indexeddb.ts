/** IndexedDB, for the browser: one database, one object store. One tab at a time may use it. */
import type { Row, Store, Write } from '../store/store.js'

interface Request<T> {
  readonly result: T
  readonly error: unknown
  onsuccess: ((event: never) => unknown) | null
  onerror: ((event: never) => unknown) | null
}
interface ObjectStore {
  put(value: unknown, key: string): unknown
  delete(key: string): unknown
  getAll(): Request<Row[]>
}
interface Transaction {
  objectStore(name: string): ObjectStore
  readonly error: unknown
  oncomplete: ((event: never) => unknown) | null
  onabort: ((event: never) => unknown) | null
  onerror: ((event: never) => unknown) | null
}
interface Database {
  createObjectStore(name: string): unknown
  transaction(name: string, mode: 'readonly' | 'readwrite', options?: { durability: 'strict' }): Transaction
  close(): void
  onversionchange: ((event: never) => unknown) | null
}
/** As much of the browser's `indexedDB` as is used. */
export interface IndexedDb {
  open(
    name: string,
    version: number,
  ): Request<Database> & {
    onupgradeneeded: ((event: never) => unknown) | null
    onblocked: ((event: never) => unknown) | null
  }
}

const ROWS = 'rows'

/** `indexedDbStore(indexedDB, 'athena-<user id>')` */
export function indexedDbStore(factory: IndexedDb, name: string): Store {
  let db: Database | null = null
  const opened = (): Database => {
    if (db === null) throw new Error(`the database ${name} is not open`)
    return db
  }
  return {
    async open() {
      db = await openDatabase(factory, name)
      // Another page wants to delete or upgrade it: from then on our commits fail, and say so.
      db.onversionchange = () => {
        db?.close()
        db = null
      }
      const request = opened().transaction(ROWS, 'readonly').objectStore(ROWS).getAll()
      return new Promise<Row[]>((resolve, reject) => {
        request.onsuccess = () => resolve(request.result)
        request.onerror = () => reject(request.error)
      })
    },
    async commit(writes: readonly Write[]) {
      const transaction = opened().transaction(ROWS, 'readwrite', { durability: 'strict' })
      const rows = transaction.objectStore(ROWS)
      for (const { table, key, value } of writes) {
        if (value === null) rows.delete(`${table}/${key}`)
        else rows.put({ table, key, value } satisfies Row, `${table}/${key}`)
      }
      await new Promise<void>((resolve, reject) => {
        transaction.oncomplete = () => resolve()
        transaction.onabort = () => reject(transaction.error)
        transaction.onerror = () => reject(transaction.error)
      })
    },
    async close() {
      db?.close()
      db = null
    },
  }
}

function openDatabase(factory: IndexedDb, name: string): Promise<Database> {
  return new Promise((resolve, reject) => {
    const request = factory.open(name, 1)
    request.onupgradeneeded = () => request.result.createObjectStore(ROWS)
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
    request.onblocked = () => reject(new Error(`another page holds the database ${name} open`))
  })
}
