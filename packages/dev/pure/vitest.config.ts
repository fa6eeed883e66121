import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import modules from './modules.json' with { type: 'json' }

/** One of modules.json, or all of them: a run of mutation tests measures one at a time. */
const chosen = process.env['PURE_MODULE']
const measured = Object.entries(modules).flatMap(([name, one]) =>
  chosen === undefined || chosen === name ? [one] : [],
)
const sources = measured.flatMap((one) => one.sources)

/** The tests of the pure modules that are measured: they start no process and write no file. */
export default defineConfig({
  root: fileURLToPath(new URL('../../../', import.meta.url)),
  test: {
    include: measured.flatMap(({ tests }) => tests),
    testTimeout: 30_000,
    pool: 'forks',
    coverage: {
      provider: 'v8',
      include: sources.filter((source) => !source.startsWith('!')),
      exclude: sources.filter((source) => source.startsWith('!')).map((source) => source.slice(1)),
      reporter: ['text'],
      thresholds: Object.fromEntries(measured.map((one) => [one.sources[0], one.coverage])),
      reportsDirectory: fileURLToPath(new URL('../node_modules/.cache/coverage', import.meta.url)),
    },
  },
})
