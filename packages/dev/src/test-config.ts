import { defineConfig } from 'vitest/config'

/**
 * Returns the vitest configuration of a package. `npm test` counts the tests in the JSON report.
 * @param fileParallelism false if test files that run in parallel would disturb time measurements
 */
export function packageTests(name: string, { fileParallelism = true } = {}) {
  return defineConfig({
    test: {
      name,
      include: ['test/**/*.test.ts'],
      globalSetup: [new URL('./no-leftovers.ts', import.meta.url).pathname],
      testTimeout: 30_000,
      hookTimeout: 30_000,
      teardownTimeout: 20_000,
      pool: 'forks',
      // Shared build machines stall for seconds, so a test fails only if it fails twice. The report names retried tests.
      retry: process.env['CI'] === undefined ? 0 : 1,
      maxWorkers: 3,
      fileParallelism,
      // A daemon outlives the process that started it, so tests start one explicitly.
      env: { IAPEER_DAEMON_AUTOSTART: 'off' },
      reporters: ['default', 'json'],
      outputFile: { json: 'node_modules/.cache/test-report.json' },
    },
  })
}
