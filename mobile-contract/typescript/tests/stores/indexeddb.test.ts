/** The suite on IndexedDB in a real Chromium. */
import { createServer, type Server } from 'node:http'
import { build } from 'esbuild'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'

const EXECUTABLE = process.env.ATHENA_CHROMIUM ?? '/usr/bin/chromium'
const ARGUMENTS = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking']
declare function runCase(name: string): Promise<string | null>
declare const caseNames: string[]

let server: Server
let browser: Browser
let page: Page

beforeAll(async () => {
  const entry = new URL('../support/browser-cases.ts', import.meta.url).pathname
  const stub = { name: 'no-vitest', setup: stubVitest }
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, write: false, plugins: [stub] })
  const script = outputFiles[0]?.text ?? ''
  // IndexedDB needs an origin, and about:blank has none.
  server = createServer((_, answer) => {
    answer.setHeader('content-type', 'text/html; charset=utf-8')
    answer.end(
      `<!doctype html><meta charset="utf-8"><script>${script.replaceAll('</script', '<\\/script')}</script>`,
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  browser = await chromium.launch({ executablePath: EXECUTABLE, headless: true, args: ARGUMENTS })
  page = await browser.newPage()
  const address = server.address()
  await page.goto(`http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/`)
})

afterAll(async () => {
  await browser?.close()
  await new Promise((resolve) => server.close(resolve))
})

/** The suite's file names vitest for its own use, which a browser has not. */
function stubVitest(builder: {
  onResolve: (...args: never[]) => void
  onLoad: (...args: never[]) => void
}): void {
  const on = builder as unknown as import('esbuild').PluginBuild
  on.onResolve({ filter: /^vitest$/ }, () => ({ path: 'vitest', namespace: 'stub' }))
  on.onLoad({ filter: /.*/, namespace: 'stub' }, () => ({ contents: 'export const test = 0, expect = 0' }))
}

test('every case of the suite passes in Chromium', async () => {
  const names = await page.evaluate(() => caseNames)
  expect(names.length).toBeGreaterThan(4)
  for (const name of names)
    expect([name, await page.evaluate((it) => runCase(it), name)]).toEqual([name, null])
})

test('what was committed outlives the page', async () => {
  await page.evaluate(async () => {
    const { indexedDbStore } = globalThis as never as {
      indexedDbStore: (db: IDBFactory, name: string) => never
    }
    const store = indexedDbStore(indexedDB, 'athena-reload') as import('../../src/index.js').Store
    await store.open()
    await store.commit([{ table: 'meta', key: 'a', value: '1' }])
  })
  await page.reload()
  const rows = await page.evaluate(async () => {
    const { indexedDbStore } = globalThis as never as {
      indexedDbStore: (db: IDBFactory, name: string) => never
    }
    return (indexedDbStore(indexedDB, 'athena-reload') as import('../../src/index.js').Store).open()
  })
  expect(rows).toEqual([{ table: 'meta', key: 'a', value: '1' }])
})

test('a page that wants the database gone gets it, and the store says that it fails', async () => {
  const failure = await page.evaluate(async () => {
    const { indexedDbStore } = globalThis as never as {
      indexedDbStore: (db: IDBFactory, name: string) => never
    }
    const store = indexedDbStore(indexedDB, 'athena-gone') as import('../../src/index.js').Store
    await store.open()
    await new Promise((resolve, reject) => {
      const request = indexedDB.deleteDatabase('athena-gone')
      request.onsuccess = resolve
      request.onerror = reject
    })
    return store.commit([{ table: 'meta', key: 'a', value: '1' }]).then(
      () => 'committed into nothing',
      (error) => String(error),
    )
  })
  expect(failure).toContain('not open')
})
