import { readFileSync } from 'node:fs'

const { sources } = JSON.parse(readFileSync(new URL('modules.json', import.meta.url), 'utf8'))

/** Runs in the root of the repository: `pnpm mutation`. */
export default {
  mutate: sources,
  testRunner: 'vitest',
  plugins: ['@stryker-mutator/vitest-runner'],
  vitest: { configFile: 'packages/dev/pure/vitest.config.ts', related: false },
  coverageAnalysis: 'perTest',
  concurrency: 2,
  tempDirName: 'node_modules/.cache/stryker',
  cleanTempDir: 'always',
  ignorePatterns: ['docs', 'examples', 'apps', '**/bench', '**/.turbo', 'packages/*/dist'],
  reporters: ['clear-text', 'json'],
  clearTextReporter: { logTests: false, reportTests: false, allowColor: false },
  jsonReporter: { fileName: 'node_modules/.cache/mutation.json' },
  timeoutMS: 10_000,
}
