import { defineConfig } from 'vitest/config'

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
