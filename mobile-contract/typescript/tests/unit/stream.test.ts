/** The two ways to open a stream, against what servers answer it. */
import { createServer, type Server, type ServerResponse } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { fetchStream, type OpenStream, xhrStream } from '../../src/index.js'

let server: Server | null = null
afterEach(async () => {
  server?.closeAllConnections()
  await new Promise((resolve) => server?.close(resolve) ?? resolve(null))
  server = null
})

async function serving(respond: (response: ServerResponse) => void): Promise<string> {
  const started = createServer((_, response) => respond(response))
  server = started
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve))
  const address = started.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
}

/** All that a stream tells, to its end. */
function told(open: OpenStream, url: string): Promise<unknown[]> {
  const heard: unknown[] = []
  return new Promise((resolve) => {
    open({
      url,
      headers: {},
      onOpen: () => heard.push('open'),
      onEvent: (name) => heard.push(name),
      onEnd: (...end) => resolve([...heard, end]),
    })
  })
}

const overFetch = fetchStream(fetch, AbortController, new TextDecoder())

/** As much of a browser's XMLHttpRequest as a stream needs, over fetch. */
class Xhr {
  readyState = 0
  status = 0
  responseText = ''
  onreadystatechange: ((event: never) => unknown) | null = null
  onprogress: ((event: never) => unknown) | null = null
  onloadend: ((event: never) => unknown) | null = null
  private url = ''
  private headers = new Headers()
  open(_method: string, url: string): void {
    this.url = url
  }
  setRequestHeader(): void {}
  getResponseHeader(name: string): string | null {
    return this.headers.get(name)
  }
  abort(): void {}
  send(): void {
    fetch(this.url)
      .then(async (response) => {
        this.status = response.status
        this.headers = response.headers
        this.enter(2)
        this.responseText = await response.text()
        this.enter(3)
        this.enter(4)
      })
      .catch(() => undefined)
      .then(() => this.onloadend?.(undefined as never))
  }
  private enter(state: number): void {
    this.readyState = state
    this.onreadystatechange?.(undefined as never)
  }
}

const WAYS: [string, OpenStream][] = [
  ['fetch', overFetch],
  ['XMLHttpRequest', xhrStream(Xhr)],
]

test.each(WAYS)('over %s a refusal tells its status and Retry-After', async (_way, open) => {
  const url = await serving((response) => response.writeHead(429, { 'retry-after': '7' }).end('{}'))
  expect(await told(open, url)).toEqual([[429, '7']])
})

test.each(WAYS)('over %s a refusal without Retry-After tells that there is none', async (_way, open) => {
  const url = await serving((response) => response.writeHead(403).end('{}'))
  expect(await told(open, url)).toEqual([[403, null]])
})

test.each(WAYS)('over %s events come by their names, and an end is no refusal', async (_way, open) => {
  const url = await serving((response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'retry-after': '7' })
    response.end('event: poke\ndata: {}\n\n:\n\n')
  })
  expect(await told(open, url)).toEqual(['open', 'poke', '', [null]])
})

test.each(WAYS)('over %s a server that is away is no refusal', async (_way, open) => {
  expect(await told(open, 'http://127.0.0.1:9')).toEqual([[null]])
})
