/** Runs inside the Hermes engine: a phone's first minutes, with what Hermes has and nothing more. */
import {
  approvalId,
  type HttpRequest,
  type HttpResponse,
  memoryStore,
  openClient,
  revisionOf,
} from '../../src/index.js'

declare function print(text: string): void

const USER = { id: '01890000-0000-7000-8000-00000000000a', name: 'Sam', roles: ['sales' as const] }
let drawn = 0

function answer(body: unknown): HttpResponse {
  return { status: 200, header: () => null, body: JSON.stringify(body) }
}

async function transport(request: HttpRequest): Promise<HttpResponse> {
  const time = '2026-11-22T10:00:00.000000Z'
  const page = { serverTime: time, lastSync: time, hasMore: false, changes: [], items: [], next: null }
  if (request.method === 'GET') return answer(page)
  const { changes } = JSON.parse(request.body ?? '{}') as { changes: { opId: string; id: string }[] }
  const results = changes.map(({ opId, id }, at) => ({
    opId,
    id,
    verdict: at === 0 ? 'applied' : 'rejected',
    code: at === 0 ? null : 'incomplete',
    retryable: false,
    superseded: [],
    updatedAt: time,
    record: null,
  }))
  return answer({ ...page, hlc: '2026-11-22T10:00:00.000Z-0000-00000000000000ff', clockOffsetMs: 0, results })
}

async function main(): Promise<void> {
  const client = await openClient({
    baseUrl: 'https://budget.test',
    store: memoryStore(),
    transport,
    environment: {
      nowMs: () => Date.now(),
      randomBytes: (count) => {
        drawn += 1
        return new Uint8Array(count).map((_, at) => (drawn * 31 + at * 7) % 256)
      },
      timer: () => () => {},
    },
    deviceId: 'hermes',
  })
  await client.signIn(USER, { userId: USER.id, accessToken: 'a', refreshToken: 'r' })
  const id = await client.requests.create({
    title: 'Zürich ✈ 😀',
    amount: { minor: 125_000, currency: 'EUR' },
  })
  const text = client.requests.openText(id)
  await text.set('Two days.')
  await client.requests.submit(id)
  let refused = ''
  await client.requests.create({ title: `half a character: ${'😀'.slice(0, 1)}` }).catch((error) => {
    refused = String(error)
  })
  await client.sync()
  const { phase, queued, notices } = client.status()
  print(
    JSON.stringify({
      phase,
      queued,
      notices,
      title: client.requests.get(id)?.title,
      text: client.requests.get(id)?.justification,
      code: client.notices.list()[0]?.code,
      refused,
      revision: revisionOf({ title: 'Zürich ✈ 😀' }),
      approval: approvalId(
        id.replace(/./g, (letter) => (letter === '-' ? '-' : '0')),
        revisionOf({}),
        1,
      ),
    }),
  )
}

main().catch((error) => print(`failed: ${error} ${error?.stack}`))
