/** What the client needs of a network; `fetchTransport` makes it of a fetch. */

export interface HttpRequest {
  method: 'GET' | 'POST'
  url: string
  headers: Record<string, string>
  body: string | null
  /** Calls the listener when nobody waits for the answer any more. */
  onCancel(listener: () => void): void
}
export interface HttpResponse {
  status: number
  header(name: string): string | null
  body: string
}
/** Rejects if there is no whole answer. */
export type Transport = (request: HttpRequest) => Promise<HttpResponse>

export interface StreamRequest {
  url: string
  headers: Record<string, string>
  /** The stream is open; the status is 200. */
  onOpen(): void
  /** An event by its name; comments have the name ''. */
  onEvent(name: string): void
  /** Once, at the end; if it was not 200 with the status, and the header `Retry-After` if there is one. */
  onEnd(status: number | null, retryAfter?: string | null): void
}
/** Opens a stream of server-sent events; the answer closes it. */
export type OpenStream = (request: StreamRequest) => () => void

interface FetchResponse {
  status: number
  headers: { get(name: string): string | null }
  text(): Promise<string>
  body?: { getReader(): { read(): Promise<{ done: boolean; value?: Uint8Array | undefined }> } } | null
}
/** As much of a fetch as is used. */
export type Fetch = (
  url: string,
  init: { method: string; headers: Record<string, string>; body?: string; signal?: never },
) => Promise<FetchResponse>
interface Aborter {
  signal: unknown
  abort(): void
}
type NewAborter = new () => Aborter

/** `fetchTransport(fetch, AbortController)`. */
export function fetchTransport(fetch: Fetch, Abort: NewAborter): Transport {
  return async ({ method, url, headers, body, onCancel }) => {
    const aborter = new Abort()
    onCancel(() => aborter.abort())
    const init = { method, headers, signal: aborter.signal as never, ...(body === null ? {} : { body }) }
    const response = await fetch(url, init)
    const text = await response.text()
    return { status: response.status, header: (name) => response.headers.get(name), body: text }
  }
}

/** A stream over a fetch whose body can be read as it comes (browsers, Node, `expo/fetch`). */
export function fetchStream(
  fetch: Fetch,
  Abort: NewAborter,
  decoder: { decode(bytes: Uint8Array, options: { stream: boolean }): string },
): OpenStream {
  return ({ url, headers, onOpen, onEvent, onEnd }) => {
    const aborter = new Abort()
    const read = async (): Promise<[status: number | null, retryAfter?: string | null]> => {
      const response = await fetch(url, { method: 'GET', headers, signal: aborter.signal as never })
      const reader = response.status === 200 ? response.body?.getReader() : undefined
      if (reader === undefined) return [response.status, response.headers.get('retry-after')]
      onOpen()
      const feed = eventNames(onEvent)
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return [null]
        if (value !== undefined) feed(decoder.decode(value, { stream: true }))
      }
    }
    read().then(
      (end) => onEnd(...end),
      () => onEnd(null),
    )
    return () => aborter.abort()
  }
}

interface Xhr {
  open(method: string, url: string): void
  setRequestHeader(name: string, value: string): void
  send(): void
  abort(): void
  getResponseHeader(name: string): string | null
  readonly readyState: number
  readonly status: number
  readonly responseText: string
  onreadystatechange: ((event: never) => unknown) | null
  onprogress: ((event: never) => unknown) | null
  onloadend: ((event: never) => unknown) | null
}

/** A stream over XMLHttpRequest, for React Native, whose fetch gives nothing before the end. */
export function xhrStream(Request: new () => Xhr): OpenStream {
  return ({ url, headers, onOpen, onEvent, onEnd }) => {
    const xhr = new Request()
    const feed = eventNames(onEvent)
    let read = 0
    let opened = false
    const progress = () => {
      if (xhr.readyState < 2 || xhr.status !== 200) return
      if (!opened) onOpen()
      opened = true
      if (xhr.readyState < 3) return
      feed(xhr.responseText.slice(read))
      read = xhr.responseText.length
    }
    xhr.onreadystatechange = progress
    xhr.onprogress = progress
    xhr.onloadend = () => {
      if (opened || xhr.status === 0) onEnd(null)
      else onEnd(xhr.status, xhr.getResponseHeader('retry-after'))
    }
    xhr.open('GET', url)
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value)
    xhr.send()
    return () => xhr.abort()
  }
}

/** Cuts server-sent events out of a text that comes in pieces. */
export function eventNames(onEvent: (name: string) => void): (piece: string) => void {
  let rest = ''
  let name = 'message'
  return (piece) => {
    const lines = (rest + piece).split('\n')
    rest = lines.pop() ?? ''
    for (const raw of lines) {
      const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw
      if (line.startsWith(':')) onEvent('')
      else if (line.startsWith('event:')) name = line.slice(6).trim()
      else if (line.startsWith('data:')) onEvent(name)
      else if (line === '') name = 'message'
    }
  }
}
