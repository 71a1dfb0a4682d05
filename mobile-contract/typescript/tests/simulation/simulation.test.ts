/** `ATHENA_SEED=17` runs one seed; `ATHENA_LONG=1` runs 500. */
import { expect, test } from 'vitest'
import { simulate } from './run.js'

const one = process.env.ATHENA_SEED
const SEEDS = one === undefined ? (process.env.ATHENA_LONG === '1' ? 500 : 20) : 1

test(`phones, people and the server agree after ${SEEDS} storms`, async () => {
  const failed: string[] = []
  for (let seed = 1; seed <= SEEDS && failed.length < 3; seed += 1)
    await simulate(one === undefined ? seed : Number(one)).catch((error: Error) => failed.push(error.message))
  expect(failed.join('\n\n')).toBe('')
})
