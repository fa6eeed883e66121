import { defineConfig } from 'vitest/config'

/** The one place that says how a package's tests run. The JSON report is what `npm test` counts. */
export function packageTests(name: string) {
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
      reporters: ['default', 'json'],
      outputFile: { json: 'node_modules/.cache/test-report.json' },
    },
  })
}
