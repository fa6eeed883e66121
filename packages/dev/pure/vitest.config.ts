import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import modules from './modules.json' with { type: 'json' }

/** The tests of the pure modules that are measured: they start no process and write no file. */
export default defineConfig({
  root: fileURLToPath(new URL('../../../', import.meta.url)),
  test: {
    include: modules.tests,
    testTimeout: 30_000,
    pool: 'forks',
    coverage: {
      provider: 'v8',
      include: modules.sources,
      // It only exports names.
      exclude: ['**/index.ts'],
      reporter: ['text'],
      thresholds: {
        'packages/lifecycle/src/supervise/decide.ts': { 100: true },
        'packages/forensics/src/rules.ts': { 100: true },
        'packages/core/src/codec/**': { statements: 96, branches: 89, functions: 96, lines: 97 },
      },
      reportsDirectory: fileURLToPath(new URL('../node_modules/.cache/coverage', import.meta.url)),
    },
  },
})
