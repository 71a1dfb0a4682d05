/**
 * The rows in memory, as a mirror of the store: a change is decided on the mirror, committed to the store, and
 * only then visible. One change at a time; if the store fails, there is no next one.
 */
import { migrate } from './migrate.js'
import { type Row, type Store, StoreFailed, type Write } from './store.js'
import { type Meta, TABLES, type TableName, type Tables } from './tables.js'

type Rows = { [T in TableName]: Map<string, Tables[T]> }

function emptyRows(): Rows {
  return Object.fromEntries(TABLES.map((table) => [table, new Map()])) as unknown as Rows
}

/** Reading, of the mirror or of a change that is being decided. */
export interface Reader {
  get<T extends TableName>(table: T, key: string): Tables[T] | undefined
  entries<T extends TableName>(table: T): Iterable<[string, Tables[T]]>
  meta<K extends keyof Meta>(key: K): Meta[K] | undefined
}

/** One change being decided: reads see its own writes. */
export interface Tx extends Reader {
  put<T extends TableName>(table: T, key: string, value: Tables[T]): void
  remove(table: TableName, key: string): void
  setMeta<K extends keyof Meta>(key: K, value: Meta[K]): void
}

export interface Ledger extends Reader {
  /** Goes up with each change that became visible. */
  readonly version: number
  /** Why there will be no more changes, or null. */
  readonly failure: StoreFailed | null
  /** `work` decides without waiting for anything; what it returns is returned once the store has it all. */
  change<R>(work: (tx: Tx) => R): Promise<R>
  subscribe(listener: () => void): () => void
  close(): Promise<void>
}

class Mirror implements Reader {
  readonly rows = emptyRows()

  get<T extends TableName>(table: T, key: string): Tables[T] | undefined {
    return this.rows[table].get(key)
  }

  entries<T extends TableName>(table: T): Iterable<[string, Tables[T]]> {
    return this.rows[table].entries()
  }

  meta<K extends keyof Meta>(key: K): Meta[K] | undefined {
    return this.rows.meta.get(key) as Meta[K] | undefined
  }

  set(table: TableName, key: string, value: Tables[TableName] | undefined): void {
    const rows = this.rows[table] as Map<string, Tables[TableName]>
    if (value === undefined) rows.delete(key)
    else rows.set(key, value)
  }

  /** Rows as read; the queue in its order. */
  load(rows: readonly Row[]): void {
    for (const row of rows) this.set(row.table, row.key, JSON.parse(row.value) as Tables[TableName])
    const queue = [...this.rows.queue].sort(([, one], [, other]) => one.seq - other.seq)
    this.rows.queue.clear()
    for (const [key, item] of queue) this.rows.queue.set(key, item)
  }
}

class Overlay implements Tx {
  readonly written = new Map<TableName, Map<string, Tables[TableName] | undefined>>()

  constructor(private readonly mirror: Mirror) {}

  get<T extends TableName>(table: T, key: string): Tables[T] | undefined {
    const own = this.written.get(table)
    return own?.has(key) ? (own.get(key) as Tables[T] | undefined) : this.mirror.get(table, key)
  }

  *entries<T extends TableName>(table: T): Iterable<[string, Tables[T]]> {
    const own = this.written.get(table) as Map<string, Tables[T] | undefined> | undefined
    for (const [key, value] of this.mirror.entries(table)) {
      const now = own?.has(key) ? own.get(key) : value
      if (now !== undefined) yield [key, now]
    }
    for (const [key, value] of own ?? []) {
      if (value !== undefined && this.mirror.get(table, key) === undefined) yield [key, value]
    }
  }

  meta<K extends keyof Meta>(key: K): Meta[K] | undefined {
    return this.get('meta', key) as Meta[K] | undefined
  }

  put<T extends TableName>(table: T, key: string, value: Tables[T]): void {
    this.write(table, key, value)
  }

  remove(table: TableName, key: string): void {
    this.write(table, key, undefined)
  }

  setMeta<K extends keyof Meta>(key: K, value: Meta[K]): void {
    this.write('meta', key, value)
  }

  writes(): Write[] {
    return [...this.written].flatMap(([table, rows]) =>
      [...rows].map(([key, value]) => ({
        table,
        key,
        value: value === undefined ? null : JSON.stringify(value),
      })),
    )
  }

  private write(table: TableName, key: string, value: Tables[TableName] | undefined): void {
    let rows = this.written.get(table)
    if (rows === undefined) {
      rows = new Map()
      this.written.set(table, rows)
    }
    rows.set(key, value)
  }
}

class StoredLedger implements Ledger {
  version = 0
  failure: StoreFailed | null = null
  private readonly mirror = new Mirror()
  private readonly listeners = new Set<() => void>()
  private last: Promise<unknown> = Promise.resolve()

  constructor(private readonly store: Store) {}

  async open(): Promise<void> {
    const rows = await this.store.open()
    const writes = migrate(rows)
    if (writes.length > 0) await this.store.commit(writes)
    this.mirror.load(rows)
    for (const { table, key, value } of writes)
      this.mirror.set(table, key, value === null ? undefined : (JSON.parse(value) as Tables[TableName]))
  }

  get<T extends TableName>(table: T, key: string): Tables[T] | undefined {
    return this.mirror.get(table, key)
  }

  entries<T extends TableName>(table: T): Iterable<[string, Tables[T]]> {
    return this.mirror.entries(table)
  }

  meta<K extends keyof Meta>(key: K): Meta[K] | undefined {
    return this.mirror.meta(key)
  }

  change<R>(work: (tx: Tx) => R): Promise<R> {
    const result = this.last.then(() => this.perform(work))
    this.last = result.catch(() => undefined)
    return result
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  async close(): Promise<void> {
    await this.last
    this.failure ??= new StoreFailed(null, 'the client is closed')
    await this.store.close()
  }

  private async perform<R>(work: (tx: Tx) => R): Promise<R> {
    if (this.failure !== null) throw this.failure
    const overlay = new Overlay(this.mirror)
    const result = work(overlay)
    const writes = overlay.writes()
    if (writes.length === 0) return result
    try {
      await this.store.commit(writes)
    } catch (cause) {
      this.failure = new StoreFailed(cause)
      this.notify()
      throw this.failure
    }
    for (const [table, rows] of overlay.written)
      for (const [key, value] of rows) this.mirror.set(table, key, value)
    this.version += 1
    this.notify()
    return result
  }

  private notify(): void {
    for (const listener of this.listeners) listener()
  }
}

/** @throws StoreFailed if the store does not open. */
export async function openLedger(store: Store): Promise<Ledger> {
  const ledger = new StoredLedger(store)
  try {
    await ledger.open()
  } catch (cause) {
    throw cause instanceof StoreFailed ? cause : new StoreFailed(cause)
  }
  return ledger
}
