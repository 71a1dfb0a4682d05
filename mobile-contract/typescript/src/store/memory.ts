/** A store that forgets at the end of the process: for tests, and for apps that keep nothing on purpose. */
import type { Row, Store, Write } from './store.js'

/** Give two stores the same `rows` and the second opens with what the first has kept. */
export function memoryStore(rows = new Map<string, Row>()): Store {
  return {
    async open() {
      return [...rows.values()]
    },
    async commit(writes: readonly Write[]) {
      for (const { table, key, value } of writes) {
        if (value === null) rows.delete(`${table}/${key}`)
        else rows.set(`${table}/${key}`, { table, key, value })
      }
    },
    async close() {},
  }
}
