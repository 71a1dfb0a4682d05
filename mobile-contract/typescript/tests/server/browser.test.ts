/** The whole client in a real Chromium: IndexedDB, fetch, streams, a network that goes, a page that is closed. */
import { createServer, request as forward, type Server } from 'node:http'
import { build } from 'esbuild'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Client } from '../../src/index.js'
import { organisation, PASSWORD, serverUrl } from '../support/organisation.js'
import { eventually } from '../support/patience.js'
import { phone } from '../support/phone.js'

const EXECUTABLE = process.env.ATHENA_CHROMIUM ?? '/usr/bin/chromium'
const ARGUMENTS = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking']
declare global {
  var openAthena: (stream: 'xhr' | 'fetch') => Promise<Client>
  var client: Client
}

let server: Server
let origin: string
let browser: Browser
let context: BrowserContext | null = null

beforeAll(async () => {
  const entry = new URL('../support/browser-client.ts', import.meta.url).pathname
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, write: false })
  const script = (outputFiles[0]?.text ?? '').replaceAll('</script', '<\\/script')
  // One origin for page and interface, as a proxy in front of the server gives.
  server = createServer((incoming, answer) => {
    if (!incoming.url?.startsWith('/api/')) {
      answer.setHeader('content-type', 'text/html; charset=utf-8')
      answer.end(`<!doctype html><meta charset="utf-8"><script>${script}</script>`)
      return
    }
    const { method, headers } = incoming
    const onward = forward(serverUrl() + incoming.url, { method, headers }, (answered) => {
      answer.writeHead(answered.statusCode ?? 502, answered.headers)
      answer.flushHeaders()
      answered.pipe(answer)
    })
    onward.on('error', () => answer.destroy())
    answer.on('close', () => onward.destroy())
    incoming.pipe(onward)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/`
  browser = await chromium.launch({ executablePath: EXECUTABLE, headless: true, args: ARGUMENTS })
})

afterEach(async () => {
  await context?.close()
  context = null
})

afterAll(async () => {
  await browser?.close()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

async function freshPage(): Promise<Page> {
  context = await browser.newContext()
  const page = await context.newPage()
  await page.goto(origin)
  return page
}

async function signedIn(page: Page, stream: 'xhr' | 'fetch', email: string): Promise<void> {
  await page.evaluate(
    async ([kind, who, password]) => {
      globalThis.client = await globalThis.openAthena(kind)
      await globalThis.client.login(who, password)
      globalThis.client.start()
    },
    [stream, email, PASSWORD] as const,
  )
}

test.each(['xhr', 'fetch'] as const)('news comes by itself over %s, within a moment', async (stream) => {
  const { sales } = await organisation()
  const page = await freshPage()
  await signedIn(page, stream, sales.email)
  await eventually(async () => expect(await page.evaluate(() => globalThis.client.status().live)).toBe(true))
  const other = await phone(sales)
  await other.client.requests.create({ title: 'From a phone' })
  await other.client.sync()
  const titles = () => page.evaluate(() => globalThis.client.requests.list().map((view) => view.title))
  await eventually(async () => expect(await titles()).toEqual(['From a phone']))
  // The other way, too: an edit leaves by itself.
  await page.evaluate(() => globalThis.client.requests.create({ title: 'From the browser' }))
  await eventually(async () => {
    await other.client.sync()
    expect(other.client.requests.list().map((view) => view.title)).toContain('From the browser')
  })
})

test('what was done offline outlives the page, and is sent when there is a network again', async () => {
  const { sales } = await organisation()
  const page = await freshPage()
  await signedIn(page, 'fetch', sales.email)
  await context?.setOffline(true)
  await page.evaluate(() => globalThis.client.requests.create({ title: 'On an aeroplane' }))
  await page.evaluate(() => globalThis.client.sync())
  expect(await page.evaluate(() => globalThis.client.status().queued)).toBe(1)
  await page.close()
  const next = await context?.newPage()
  if (next === undefined) throw new Error('no page')
  await context?.setOffline(false)
  await next.goto(origin)
  const status = await next.evaluate(async () => {
    globalThis.client = await globalThis.openAthena('fetch')
    const shown = globalThis.client.requests.list().map((view) => [view.title, view.queued])
    await globalThis.client.sync()
    return [shown, globalThis.client.status().queued, globalThis.client.status().phase]
  })
  expect(status).toEqual([[['On an aeroplane', 1]], 0, 'idle'])
})
