import { defineConfig } from 'vitest/config'

/**
 * The one place that says how a package's tests run. The JSON report is what `npm test` counts.
 * @param fileParallelism false where files that run at once would starve what another one times
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
      // Shared build machines stall for seconds; a second failure is one. The report names what needed it.
      retry: process.env['CI'] === undefined ? 0 : 1,
      maxWorkers: 3,
      fileParallelism,
      // A daemon outlives what started it: tests that want one say so.
      env: { IAPEER_DAEMON_AUTOSTART: 'off' },
      reporters: ['default', 'json'],
      outputFile: { json: 'node_modules/.cache/test-report.json' },
    },
  })
}
