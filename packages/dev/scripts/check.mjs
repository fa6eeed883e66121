// Runs all checks: format and lint, types, published packages, generated pages, terms, layers, unused code, coverage, shell scripts.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const env = { ...process.env, TURBO_TELEMETRY_DISABLED: '1', TURBO_NO_UPDATE_NOTIFIER: '1' }

const scripts = readdirSync(join(root, 'packages')).flatMap((name) => {
  const directory = join(root, 'packages', name, 'assets')
  return existsSync(directory)
    ? readdirSync(directory)
        .filter((file) => file.endsWith('.sh'))
        .map((file) => join(directory, file))
    : []
})

const CHECKS = [
  ['format and lint', ['biome', 'ci', '.']],
  ['types, and the shape of what is published', ['turbo', 'run', 'check', '--output-logs=errors-only']],
  [
    'generated pages',
    [process.execPath, join(root, 'packages', 'dev', 'scripts', 'generate-docs.mjs'), '--check'],
  ],
  ['terms that texts avoid', [process.execPath, join(root, 'packages', 'dev', 'scripts', 'check-prose.mjs')]],
  ['layers', ['depcruise', '--config', '.dependency-cruiser.cjs', 'packages', 'apps']],
  ['unused files, exports and dependencies', ['knip']],
  [
    'coverage of the modules that decide',
    [
      ...['vitest', 'run', '--config', 'packages/dev/pure/vitest.config.ts'],
      ...['--coverage', '--coverage.reporter=text-summary', '--reporter=dot'],
    ],
  ],
  [
    'tables that are generated for the recorders',
    ['node', 'packages/canary/scripts/generate.mjs', '--check'],
  ],
  ['shell scripts', ['shellcheck', '-x', ...scripts, join(root, '.ci', 'run')]],
]

const failures = []
for (const [what, [file, ...args]] of CHECKS) {
  process.stdout.write(`\n== ${what}: ${file}\n`)
  const { status, error } = spawnSync(file, args, { cwd: root, env, stdio: 'inherit' })
  if (error?.code === 'ENOENT')
    process.stdout.write(
      `${file} is not installed; install it (apt-get install ${file}, brew install ${file})\n`,
    )
  else if (error !== undefined) throw error
  if (status !== 0) failures.push(what)
}
process.stdout.write(failures.length === 0 ? '\nall checks passed\n' : `\nfailed: ${failures.join('; ')}\n`)
process.exitCode = failures.length === 0 ? 0 : 1
