// Mutation testing of the modules of packages/dev/pure/modules.json, one after another: changes their code in small ways, and prints
// each change that no test notices. Exits 1 where a score is under the module's threshold. mutation.mjs [module...] runs some.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Stryker } from '@stryker-mutator/core'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const modules = JSON.parse(readFileSync(new URL('../pure/modules.json', import.meta.url), 'utf8'))

const asked = process.argv.slice(2)
const unknown = asked.filter((name) => !Object.hasOwn(modules, name))
if (unknown.length > 0) {
  process.stderr.write(`unknown module ${unknown.join(', ')}: expected ${Object.keys(modules).join(', ')}\n`)
  process.exit(2)
}

const DETECTED = ['Killed', 'Timeout']
const UNDETECTED = ['Survived', 'NoCoverage']

/** Runs the tests of one module on every mutant of it. @returns how many are noticed, of how many */
async function mutate(name) {
  // The test runners are processes that inherit it; packages/dev/pure/vitest.config.ts reads it.
  process.env.PURE_MODULE = name
  const stryker = new Stryker({
    mutate: modules[name].sources,
    testRunner: 'vitest',
    plugins: ['@stryker-mutator/vitest-runner'],
    vitest: { configFile: 'packages/dev/pure/vitest.config.ts', related: false },
    coverageAnalysis: 'perTest',
    concurrency: 2,
    tempDirName: 'node_modules/.cache/stryker',
    cleanTempDir: 'always',
    ignorePatterns: ['docs', 'examples', 'apps', '**/bench', '**/.turbo', 'packages/*/dist'],
    reporters: ['clear-text', process.stdout.isTTY ? 'progress' : 'progress-append-only'],
    clearTextReporter: { logTests: false, reportTests: false, allowColor: false },
    warnings: { slow: false },
    timeoutMS: 10_000,
  })
  const results = await stryker.runMutationTest()
  const count = (statuses) => results.filter(({ status }) => statuses.includes(status)).length
  const detected = count(DETECTED)
  return { detected, all: detected + count(UNDETECTED) }
}

process.chdir(root)
const lines = []
for (const name of asked.length > 0 ? asked : Object.keys(modules)) {
  const { detected, all } = await mutate(name)
  const [score, threshold] = [(100 * detected) / all, modules[name].mutation]
  lines.push(`${name}: ${score.toFixed(1)} % (${detected} of ${all} mutants), threshold ${threshold} %`)
  if (score < threshold) process.exitCode = 1
}
process.stdout.write(`\n${lines.join('\n')}\n`)
