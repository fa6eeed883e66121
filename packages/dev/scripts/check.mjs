// Runs all static checks: format and lint, types, published packages, generated pages, terms, links, layers, unused code, shell scripts.
// They run at the same time, the longest first; the output of each is printed when it exits. `--without-packages` leaves out the check of
// what is published.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
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

/** The checks read the built packages, so nothing builds while they run. */
const BUILD = ['build', ['turbo', 'run', 'build', '--output-logs=errors-only']]

const withPackages = !process.argv.includes('--without-packages')
const EACH_PACKAGE = ['--only', '--output-logs=errors-only']
const CHECKS = [
  withPackages
    ? ['types, and the shape of what is published', ['turbo', 'run', 'typecheck', 'check', ...EACH_PACKAGE]]
    : ['types', ['turbo', 'run', 'typecheck', ...EACH_PACKAGE]],
  ['format and lint', ['biome', 'ci', '.']],
  [
    'generated pages',
    [process.execPath, join(root, 'packages', 'dev', 'scripts', 'generate-docs.mjs'), '--check'],
  ],
  [
    'the page of versions that were tested',
    [process.execPath, join(root, 'packages', 'dev', 'scripts', 'compatibility.mjs'), '--check'],
  ],
  [
    'the public API, as the reports state it',
    [process.execPath, join(root, 'packages', 'dev', 'scripts', 'api-report.mjs'), '--check'],
  ],
  ['unused files, exports and dependencies', ['knip']],
  ['layers', ['depcruise', '--config', '.dependency-cruiser.cjs', 'packages', 'apps']],
  ['terms that texts avoid', [process.execPath, join(root, 'packages', 'dev', 'scripts', 'check-prose.mjs')]],
  [
    'links and code blocks of the pages',
    [process.execPath, join(root, 'packages', 'dev', 'scripts', 'check-docs.mjs')],
  ],
  [
    'tables that are generated for the recorders',
    ['node', 'packages/canary/scripts/generate.mjs', '--check'],
  ],
  ['shell scripts', ['shellcheck', '-x', ...scripts, join(root, '.ci', 'run')]],
]

/** Runs a command until it exits. @returns whether it succeeded, and its output */
function run([file, ...args]) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => (output += text))
    child.once('error', (error) => {
      if (error.code !== 'ENOENT') return reject(error)
      const advice = `install it (apt-get install ${file}, brew install ${file})`
      return resolve({ passed: false, output: `${file} is not installed; ${advice}\n` })
    })
    child.once('close', (code) => resolve({ passed: code === 0, output }))
  })
}

const failures = []

async function check([what, command]) {
  const { passed, output } = await run(command)
  process.stdout.write(`\n== ${what}: ${command[0]}\n${output}`)
  if (!passed) failures.push(what)
}

async function checkRest(checks) {
  for (const one of checks) await check(one)
}

await check(BUILD)
const remaining = CHECKS.values()
await Promise.all(Array.from({ length: availableParallelism() }, () => checkRest(remaining)))
process.stdout.write(failures.length === 0 ? '\nall checks passed\n' : `\nfailed: ${failures.join('; ')}\n`)
process.exitCode = failures.length === 0 ? 0 : 1
