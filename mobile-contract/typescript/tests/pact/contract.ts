/** Declares what the client asks and what it needs of the answer, and plays it against Pact's mock server. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MatchersV3, PactV4 } from '@pact-foundation/pact'
import { type PactPhone, USER } from './phone.js'

const { equal, fromProviderState, regex } = MatchersV3

export const CONSUMER = 'athena-budget-sync'
export const PROVIDER = 'athena'
/** Where this run's pact is written, exchange by exchange. */
export const WRITTEN = mkdtempSync(join(tmpdir(), 'athena-pact-'))
export const FILE = `${CONSUMER}-${PROVIDER}.json`
export const COMMITTED = fileURLToPath(new URL(`../../../pacts/${FILE}`, import.meta.url))

const pact = new PactV4({
  consumer: CONSUMER,
  provider: PROVIDER,
  dir: WRITTEN,
  logLevel: 'error',
  cors: false,
})

/** What Pact's builder of answers keeps to itself. */
interface Text {
  withResponseBody(text: string, type: string): void
}
type Json = null | boolean | number | string | Json[] | { [member: string]: Json }

export interface Exchange {
  /** What is so at the server before; `states.ts` brings it about. */
  given: string
  params?: Record<string, Json>
  receiving: string
  method: 'GET' | 'POST'
  path: string
  query?: Record<string, unknown>
  /** Besides those that every call has. */
  headers?: Record<string, unknown>
  /** False: nobody is signed in. */
  signedIn?: boolean
  body?: unknown
  answer: { status: number; headers?: Record<string, unknown>; body?: unknown; text?: string }
}

/** Lets the phone act while exactly these exchanges are expected, each at least once. */
export async function contract(
  phone: PactPhone,
  exchanges: readonly [Exchange, ...Exchange[]],
  act: () => Promise<void>,
): Promise<void> {
  const declared = exchanges.map(declare)
  const last = declared[declared.length - 1]
  await last?.executeTest(async ({ url, port }) => {
    phone.connect(
      url,
      exchanges.map((exchange) => exchange.path),
    )
    await act().finally(() => phone.disconnect())
    await counted(port)
  })
}

/** The mock server answers before it notes what it has answered; what is still missing then, Pact tells. */
async function counted(port: number): Promise<void> {
  const deadline = Date.now() + 5_000
  // biome-ignore lint/complexity/useLiteralKeys: it is private, and nothing else tells.
  while (!pact['pact'].mockServerMatchedSuccessfully(port) && Date.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 5))
}

function declare(exchange: Exchange) {
  const { given, params, receiving, method, path, query, headers, signedIn, body, answer } = exchange
  return pact
    .addInteraction()
    .given(given, params ?? {})
    .uponReceiving(receiving)
    .withRequest(method, path, (request) => {
      if (query !== undefined) request.query(query as never)
      const bearer = signedIn === false ? {} : { authorization: token() }
      const type = body === undefined ? {} : { 'Content-Type': 'application/json' }
      request.headers({ accept: 'application/json', ...bearer, ...type, ...headers } as never)
      if (body !== undefined) request.jsonBody(body)
    })
    .willRespondWith(answer.status, (response) => {
      if (answer.headers !== undefined) response.headers(answer.headers as never)
      if (answer.body !== undefined) response.jsonBody(answer.body)
      // Its own `body` would compare the kind of the bytes, and not what they say.
      const { interaction } = response as unknown as { interaction: Text }
      if (answer.text !== undefined) interaction.withResponseBody(answer.text, 'text/event-stream')
    })
}

/** `Bearer …` with the token that the state has; `example`: the one that the phone has while it is played. */
export function token(example = 'access') {
  return {
    'pact:matcher:type': 'regex',
    regex: `^Bearer ${example}$`,
    'pact:generator:type': 'ProviderState',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Pact's own placeholder.
    expression: 'Bearer ${accessToken}',
    value: `Bearer ${example}`,
  }
}

/** A value that the state has under this name. */
export function ofState<V>(name: string, example: V) {
  return fromProviderState(`\${${name}}`, example)
}

const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'
const UUID_V7 = '[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}'
const TIME = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z`
const STAMP = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z-[0-9a-f]{4}-[0-9a-f]{16}`

export const uuid = (example: string) => regex(`^${UUID}$`, example)
export const uuidV7 = (example: string) => regex(`^${UUID_V7}$`, example)
export const stamp = (example: string) => regex(`^${STAMP}$`, example)
export const serverTime = (example = '2025-01-01T10:00:00.000001Z') => regex(`^${TIME}$`, example)
export const deviceTime = (example: string) =>
  regex(String.raw`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`, example)
/** A position in a feed: goes back as it came. */
export const position = (example = '2025-01-01T10:00:00.000001Z') => regex('^.+$', example)

/** The batch that the phone is about to send, as it stands in its queue. */
export function batchOf(phone: PactPhone, lastSync: unknown = null) {
  const changes = phone.queued().map((change) => ({
    ...change,
    opId: uuidV7(change.opId),
    id: uuid(change.id),
    hlc: stamp(change.hlc),
  }))
  return {
    deviceId: MatchersV3.string(phone.deviceId),
    userId: ofState('userId', USER.id),
    clientTime: deviceTime(new Date(phone.time.nowMs).toISOString()),
    lastSync,
    changes,
  }
}

/** What an answer to a batch must have; `results`: one an item. */
export function answerOf(results: unknown[], pulled: Record<string, unknown> = {}) {
  return {
    serverTime: serverTime(),
    hlc: stamp('2025-01-01T10:00:00.000Z-0001-5e5e5e5e5e5e5e5e'),
    clockOffsetMs: MatchersV3.integer(0),
    lastSync: position(),
    hasMore: false,
    changes: [],
    ...pulled,
    results,
  }
}

/** The fate of the phone's one change. */
export function fate(phone: PactPhone, verdict: string, more: Record<string, unknown> = {}) {
  const [change] = phone.queued()
  return {
    opId: equal(change?.opId),
    id: equal(change?.id),
    verdict: equal(verdict),
    retryable: false,
    superseded: [],
    updatedAt: serverTime(),
    ...more,
  }
}

export function problem(status: number, code: string) {
  return {
    status,
    headers: { 'Content-Type': 'application/problem+json' },
    body: { status, code: equal(code), detail: MatchersV3.string('a sentence') },
  }
}
