/**
 * The client's side of the contract: the real client against Pact's mock server. What was exchanged is the pact,
 * which the server is held against (`provider.test.ts`). `ATHENA_WRITE_PACTS=1 scripts/test-mobile --only pact/consumer` writes it anew.
 */
import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { pulls } from './cases/pulls.js'
import { pushes } from './cases/pushes.js'
import { refusals } from './cases/refusals.js'
import { sessions } from './cases/sessions.js'
import { votes } from './cases/votes.js'
import { COMMITTED, FILE, WRITTEN } from './contract.js'

sessions()
pushes()
pulls()
votes()
refusals()

test('the committed pact is the one that these exchanges make', () => {
  const written = join(WRITTEN, FILE)
  if (process.env.ATHENA_WRITE_PACTS === '1') cpSync(written, COMMITTED)
  const stale = readFileSync(COMMITTED, 'utf8') !== readFileSync(written, 'utf8')
  expect(
    stale,
    'mobile-contract/pacts is stale: write it anew with ATHENA_WRITE_PACTS=1 scripts/test-mobile --only pact/consumer',
  ).toBe(false)
})
