/** Runs inside Chromium: the suite of stores on the browser's own IndexedDB. Bundled by the test. */

import type { Store } from '../../src/index.js'
import { indexedDbStore } from '../../src/stores/indexeddb.js'
import { CASES } from '../stores/suite.js'

function same(one: unknown, other: unknown): void {
  if (JSON.stringify(one) !== JSON.stringify(other))
    throw new Error(`${JSON.stringify(one)} is not ${JSON.stringify(other)}`)
}

async function run(name: string): Promise<string | null> {
  let open: Store | null = null
  const database = `athena-${name}`
  const disk = {
    store: async () => {
      await open?.close()
      open = indexedDbStore(indexedDB, database)
      return open
    },
    destroy: async () => {},
  }
  try {
    await CASES[name]?.(disk, same)
    return null
  } catch (error) {
    return String(error)
  }
}

Object.assign(globalThis, { runCase: run, indexedDbStore, caseNames: Object.keys(CASES) })
