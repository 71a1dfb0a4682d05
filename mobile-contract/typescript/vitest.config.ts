import { defineConfig } from 'vitest/config'

// Pact tells its makers of each run otherwise.
process.env.PACT_DO_NOT_TRACK = 'true'

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts', 'tests/**/*.test.tsx'],
    globalSetup: 'tests/support/server.ts',
    testTimeout: process.env.ATHENA_LONG === '1' ? 3_600_000 : 120_000,
    hookTimeout: 60_000,
    // Two cores, one of them the server's.
    maxWorkers: 2,
  },
})
