// Runs `npm start`, `npm test` and .ci/run on a machine that has only Node and git. Plain Node without dependencies: it installs
// tmux, fetches the pinned pnpm through npx, installs the dependencies from the frozen lockfile, builds, and then runs the job.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensureTool } from './system-tools.mjs'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const env = {
  ...process.env,
  TURBO_TELEMETRY_DISABLED: '1',
  TURBO_NO_UPDATE_NOTIFIER: '1',
  npm_config_update_notifier: 'false',
}
for (const name of ['TMUX', 'TMUX_PANE']) delete env[name]

function fail(message) {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}

/** Runs a command. Its output is printed; with `quiet`, only if the command fails. */
function run(file, args, { quiet = false, mayFail = false, extraEnv = {} } = {}) {
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      cwd: root,
      env: { ...env, ...extraEnv },
      stdio: ['ignore', quiet ? 'pipe' : 'inherit', quiet ? 'pipe' : 'inherit'],
    })
    let text = ''
    child.stdout?.on('data', (chunk) => (text += chunk))
    child.stderr?.on('data', (chunk) => (text += chunk))
    child.once('error', (error) => fail(`${file} cannot be run: ${error.message}`))
    child.once('close', (code) => {
      if (code !== 0 && quiet) process.stderr.write(text)
      if (code !== 0 && !mayFail) fail(`failed: ${[file, ...args].join(' ')}`)
      resolve(code ?? 1)
    })
  })
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 19))
    fail(`Node ${process.versions.node} is too old: 20.19 or newer is needed (https://nodejs.org).`)
}

/** Installs a system program if that needs no prompt. @returns what the user must do, if that failed */
const ensureSystemTool = (tool) =>
  ensureTool(tool, ([file, ...args]) =>
    run(file, args, { quiet: true, mayFail: true, extraEnv: { DEBIAN_FRONTEND: 'noninteractive' } }),
  )

const pnpm = (args, options) => run('npx', ['-y', packageManager, ...args], options)

/** Prints the current step, because it can take up to a minute. */
const printStep = (step) => process.stderr.write(`${step} ...\n`)

async function prepare() {
  checkNode()
  const missing = await ensureSystemTool('tmux')
  if (missing !== undefined) fail(missing)
  printStep('installing dependencies')
  await pnpm(['install', '--frozen-lockfile'], { quiet: true })
  printStep('building')
  await pnpm(['exec', 'turbo', 'run', 'build', '--output-logs=errors-only'], { quiet: true })
}

/** Returns the paths of the packages' test reports. */
function reportPaths() {
  const directories = ['packages', 'apps'].flatMap((parent) =>
    readdirSync(join(root, parent)).map((name) => join(root, parent, name)),
  )
  return [...directories, join(root, 'examples')].map((directory) =>
    join(directory, 'node_modules', '.cache', 'test-report.json'),
  )
}

async function test() {
  for (const path of reportPaths()) rmSync(path, { force: true })
  const code = await pnpm(
    ['exec', 'turbo', 'run', 'test', '--concurrency=1', '--continue', '--output-logs=full'],
    { mayFail: true },
  )
  let [passed, failed, ran] = [0, 0, 0]
  for (const path of reportPaths().filter((report) => existsSync(report))) {
    const report = JSON.parse(readFileSync(path, 'utf8'))
    passed += report.numPassedTests
    failed += report.numFailedTests
    ran++
  }
  // A run that failed without a failed test (a process left behind, a file that did not load) counts as one failure.
  if (code !== 0 && failed === 0) failed = 1
  process.stdout.write(`\n${ran} packages\n${passed} passed, ${failed} failed\n`)
  process.exitCode = code === 0 && failed === 0 && passed > 0 ? 0 : 1
}

/** Runs all checks. If shellcheck cannot be installed, its check fails and the others run. */
async function check() {
  const missing = await ensureSystemTool('shellcheck')
  if (missing !== undefined) process.stderr.write(`${missing}\n`)
  process.exitCode = await pnpm(['check'], { mayFail: true })
}

const [job, ...rest] = process.argv.slice(2)
if (job !== 'start' && job !== 'test' && job !== 'check') fail('usage: run.mjs start|test|check')
await prepare()
if (job === 'test') await test()
else if (job === 'check') await check()
else
  process.exitCode = await run(
    process.execPath,
    [join(root, 'apps', 'cli', 'dist', 'main.js'), 'demo', ...rest],
    { mayFail: true },
  )
