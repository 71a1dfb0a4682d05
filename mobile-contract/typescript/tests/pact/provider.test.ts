/** The server's side of the contract: the real server is held against the pact that the client has written. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Verifier } from '@pact-foundation/pact'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Server, startServer } from '../support/server.js'
import { COMMITTED, FILE, PROVIDER } from './contract.js'
import { States } from './states.js'

interface Pact {
  interactions: {
    description: string
    providerStates: { name: string }[]
    response: { body?: { content: { hasMore: boolean } } }
  }[]
}
const pact = JSON.parse(readFileSync(COMMITTED, 'utf8')) as Pact

let data: string
let server: Server
let states: States

beforeAll(async () => {
  data = mkdtempSync(join(tmpdir(), 'athena-provider-'))
  // Enough for what the states need, and one more only after some seconds: what is too much stays too much.
  server = await startServer({ data, rateLimit: '600/h' })
  states = new States(server.url, readFileSync(join(data, 'keys', 'access-0001.pem'), 'utf8'))
})

afterAll(async () => {
  await server.stop()
  rmSync(data, { recursive: true, force: true })
})

function verify(file: string): Promise<string> {
  return new Verifier({
    provider: PROVIDER,
    providerBaseUrl: server.url,
    pactUrls: [file],
    stateHandlers: states.handlers as never,
    // Not what one exchange takes, but the page of a thousand on a busy machine.
    timeout: 60_000,
    logLevel: 'error',
  }).verifyProvider()
}

test('every state of the pact can be brought about, and no other', () => {
  const named = pact.interactions.flatMap((one) => one.providerStates.map((state) => state.name))
  expect([...new Set(named)].sort()).toEqual(Object.keys(states.handlers).sort())
})

test('the server keeps the pact', async () => {
  await verify(COMMITTED)
}, 300_000)

test('a server that did otherwise would be found out', async () => {
  const [one] = pact.interactions.filter((other) => other.description === 'a pull with nothing new')
  const doctored = structuredClone(one)
  if (doctored?.response.body === undefined) throw new Error('there is no such exchange')
  doctored.response.body.content.hasMore = true
  const file = join(data, FILE)
  writeFileSync(file, JSON.stringify({ ...pact, interactions: [doctored] }))
  await expect(verify(file)).rejects.toThrow(/hasMore.*equal to true|Expected false .*true/)
}, 60_000)
