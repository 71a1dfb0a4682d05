/** `ATHENA_SEED=17` runs one seed, `ATHENA_SEED=21-120` a range; `ATHENA_LONG=1` runs 500. */
import { expect, test } from 'vitest'
import { simulate } from './run.js'

const FAILURES_SHOWN_MAX = 3
const [first, last] = (process.env.ATHENA_SEED ?? (process.env.ATHENA_LONG === '1' ? '1-500' : '1-20'))
  .split('-')
  .map(Number)
const seeds = Array.from({ length: (last ?? first ?? 1) - (first ?? 1) + 1 }, (_, at) => (first ?? 1) + at)

test(`phones, people and the server agree after ${seeds.length} storms`, async () => {
  const failed: string[] = []
  for (const [at, seed] of seeds.entries()) {
    await simulate(seed).catch((error: Error) => {
      process.stdout.write(`${error.message}\n`)
      failed.push(error.message)
    })
    if (failed.length === FAILURES_SHOWN_MAX) break
    if ((at + 1) % 50 === 0) process.stdout.write(`${at + 1} storms, ${failed.length} failed\n`)
  }
  expect(failed.join('\n\n')).toBe('')
}, 3_600_000)
