/**
 * SQLite, for any driver of the synchronous shape that better-sqlite3, op-sqlite and expo-sqlite share:
 *
 *   better-sqlite3   sqliteStore(new Database('athena.db'))
 *   op-sqlite        sqliteStore(fromExecute((sql, values) => db.executeSync(sql, values).rows))
 *   expo-sqlite      sqliteStore(fromExecute((sql, values) => db.getAllSync(sql, values)))
 */
import type { Row, Store, Write } from '../store/store.js'

type Value = string

export interface SqliteStatement {
  run(...values: Value[]): unknown
  all(...values: Value[]): unknown[]
}
export interface SqliteDatabase {
  exec(sql: string): unknown
  prepare(sql: string): SqliteStatement
  close?(): unknown
}

/** A driver that has one function for everything. */
export function fromExecute(
  execute: (sql: string, values: Value[]) => readonly unknown[] | undefined,
  close?: () => unknown,
): SqliteDatabase {
  return {
    exec: (sql) => execute(sql, []),
    prepare: (sql) => ({
      run: (...values) => execute(sql, values),
      all: (...values) => [...(execute(sql, values) ?? [])],
    }),
    ...(close === undefined ? {} : { close }),
  }
}

/** Keeps the rows in one table, `athena_rows`. The database may hold other things too. */
export function sqliteStore(db: SqliteDatabase): Store {
  let put: SqliteStatement
  let remove: SqliteStatement
  return {
    async open() {
      // An answered edit survives a flat battery: the journal is flushed at each commit.
      db.exec('pragma journal_mode = wal')
      db.exec('pragma synchronous = full')
      db.exec(
        'create table if not exists athena_rows (tbl text not null, key text not null, value text not null, primary key (tbl, key)) without rowid',
      )
      put = db.prepare(
        'insert into athena_rows (tbl, key, value) values (?, ?, ?) on conflict (tbl, key) do update set value = excluded.value',
      )
      remove = db.prepare('delete from athena_rows where tbl = ? and key = ?')
      return db.prepare('select tbl as "table", key, value from athena_rows').all() as Row[]
    },
    async commit(writes: readonly Write[]) {
      db.exec('begin immediate')
      try {
        for (const { table, key, value } of writes) {
          if (value === null) remove.run(table, key)
          else put.run(table, key, value)
        }
        db.exec('commit')
      } catch (error) {
        // Of a full disk SQLite has rolled back by itself, and this one fails too.
        try {
          db.exec('rollback')
        } catch {}
        throw error
      }
    },
    async close() {
      db.close?.()
    },
  }
}
