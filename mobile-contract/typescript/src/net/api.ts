/** One call to the server: its answer, or an error that says what to do about it. */
import type { Environment } from '../environment.js'
import { retryAfterMs } from './backoff.js'
import type { HttpResponse, Transport } from './transport.js'

/** No whole answer came: the server may or may not have done what was asked. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable'
}

/** The server refused the call as a whole (RFC 9457). */
export class Refused extends Error {
  override readonly name = 'Refused'
  constructor(
    readonly status: number,
    /** The server's stable code, or `http_<status>` from something in between. */
    readonly code: string,
    detail: string,
    readonly retryAfterMs: number,
  ) {
    super(detail)
  }
}

export interface Call {
  method: 'GET' | 'POST'
  path: string
  token?: string
  body?: unknown
  /** Of a body that is known: 304 and no body, if it is still the same. */
  ifNoneMatch?: string
}
export interface Reply {
  status: number
  /** Decoded; null if there is none. */
  body: unknown
  etag: string | null
}
export interface Api {
  readonly baseUrl: string
  /** @throws Unreachable, Refused */
  call(call: Call): Promise<Reply>
}

export function makeApi(env: Environment, baseUrl: string, transport: Transport, timeoutMs: number): Api {
  return {
    baseUrl,
    async call({ method, path, token, body, ifNoneMatch }) {
      const headers: Record<string, string> = { accept: 'application/json' }
      if (token !== undefined) headers.authorization = `Bearer ${token}`
      if (body !== undefined) headers['content-type'] = 'application/json'
      if (ifNoneMatch !== undefined) headers['if-none-match'] = ifNoneMatch
      const text = body === undefined ? null : JSON.stringify(body)
      const response = await within(env, timeoutMs, (onCancel) =>
        transport({ method, url: baseUrl + path, headers, body: text, onCancel }),
      )
      return decode(env, response)
    },
  }
}

/** The answer, unless it takes too long: then it counts as none, even if it comes. */
function within(
  env: Environment,
  timeoutMs: number,
  send: (onCancel: (listener: () => void) => void) => Promise<HttpResponse>,
): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    let cancel = () => {}
    const stop = env.timer(timeoutMs, () => {
      cancel()
      reject(new Unreachable(`no answer within ${timeoutMs} ms`))
    })
    const sent = send((listener) => {
      cancel = listener
    })
    sent.then(resolve, (cause) => reject(new Unreachable(String(cause)))).then(stop)
  })
}

function decode(env: Environment, response: HttpResponse): Reply {
  const { status, body } = response
  let value: unknown = null
  try {
    value = body === '' ? null : JSON.parse(body)
  } catch {
    if (status < 400) throw new Unreachable('the answer is cut off, or is none of this server')
  }
  if ((status >= 200 && status < 300) || status === 304)
    return { status, body: value, etag: response.header('etag') }
  const problem = (typeof value === 'object' ? value : null) as { code?: unknown; detail?: unknown } | null
  const code = typeof problem?.code === 'string' ? problem.code : `http_${status}`
  const detail = typeof problem?.detail === 'string' ? problem.detail : `the server answered ${status}`
  throw new Refused(status, code, detail, retryAfterMs(response.header('retry-after'), env.nowMs()))
}
