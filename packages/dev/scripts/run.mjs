// Runs `npm start`, `npm test` and .ci/run on a machine that has only Node and git. Plain Node without dependencies: it installs
// tmux, fetches the pinned pnpm through npx, installs the dependencies from the frozen lockfile, builds, and then runs the job.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { failureLines } from './failure-lines.mjs'
import { buildOutput, installOutput, lockedPackages, startProgress } from './progress.mjs'
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

/** Runs a command. Its output is printed; with `quiet`, only if the command fails. With `asks`, it can read the terminal. */
function run(file, args, { quiet = false, mayFail = false, asks = false, extraEnv = {} } = {}) {
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      cwd: root,
      env: { ...env, ...extraEnv },
      stdio: [asks ? 'inherit' : 'ignore', quiet ? 'pipe' : 'inherit', quiet ? 'pipe' : 'inherit'],
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

/** Runs a step with pnpm, which can take minutes, and shows that it goes on. @param output reads its lines: see progress.mjs */
function runStep(step, args, output) {
  const progress = startProgress(step.now)
  return new Promise((resolve) => {
    const child = spawn('npx', ['-y', packageManager, ...args], {
      cwd: root,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (line) => {
        const text = output.read(line)
        if (text !== undefined) progress.count(text)
      })
    child.once('error', (error) => {
      progress.stop()
      fail(`npx cannot be run: ${error.message}`)
    })
    child.once('close', (code) => {
      progress.stop(code === 0 ? step.done : undefined)
      if (code === 0) return resolve()
      process.stderr.write(`${output.failure()}\n`)
      return fail(`failed: pnpm ${args.join(' ')}`)
    })
  })
}

/** Returns how many packages of this repository are built. */
const builtPackages = () =>
  ['packages', 'apps'].flatMap((parent) =>
    readdirSync(join(root, parent)).filter((name) => existsSync(join(root, parent, name, 'tsup.config.ts'))),
  ).length

async function prepare() {
  checkNode()
  const missing = await ensureSystemTool('tmux')
  if (missing !== undefined) fail(missing)
  const lockfile = readFileSync(join(root, 'pnpm-lock.yaml'), 'utf8')
  await runStep(
    { now: 'installing dependencies', done: 'dependencies are installed' },
    ['install', '--frozen-lockfile', '--reporter=ndjson'],
    installOutput(lockedPackages(lockfile)),
  )
  await runStep(
    { now: 'building', done: 'iapeer is built' },
    ['exec', 'turbo', 'run', 'build', '--output-logs=full'],
    buildOutput(builtPackages()),
  )
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

const TEST = ['exec', 'turbo', 'run', 'test', '--concurrency=1', '--continue', '--output-logs=full']

/** Runs the tests of all packages, and prints their output. @returns the exit code, and the lines that name what failed */
function runTests() {
  const failures = failureLines()
  const color = process.stdout.isTTY === true ? { FORCE_COLOR: '1' } : {}
  return new Promise((resolve) => {
    const child = spawn('npx', ['-y', packageManager, ...TEST], {
      cwd: root,
      env: { ...env, ...color },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    child.stdout.on('data', (chunk) => process.stdout.write(chunk))
    createInterface({ input: child.stdout }).on('line', (line) => failures.read(line))
    child.once('error', (error) => fail(`npx cannot be run: ${error.message}`))
    child.once('close', (code) => resolve({ code: code ?? 1, failed: failures.lines() }))
  })
}

async function test() {
  for (const path of reportPaths()) rmSync(path, { force: true })
  const { code, failed: what } = await runTests()
  let [passed, failed, ran] = [0, 0, 0]
  for (const path of reportPaths().filter((report) => existsSync(report))) {
    const report = JSON.parse(readFileSync(path, 'utf8'))
    passed += report.numPassedTests
    failed += report.numFailedTests
    ran++
  }
  // A run that failed without a failed test (a process left behind, a file that did not load) counts as one failure.
  if (code !== 0 && failed === 0) failed = 1
  if (code !== 0 && what.length > 0) process.stdout.write(`\nwhat failed:\n${what.join('\n')}\n`)
  process.stdout.write(`\n${ran} packages\n${passed} passed, ${failed} failed\n`)
  process.exitCode = code === 0 && failed === 0 && passed > 0 ? 0 : 1
}

/** Runs all checks, or those that the options of check.mjs leave. If shellcheck cannot be installed, its check fails and the others run. */
async function check(options) {
  const missing = await ensureSystemTool('shellcheck')
  if (missing !== undefined) process.stderr.write(`${missing}\n`)
  process.exitCode = await pnpm(['check', ...options], { mayFail: true })
}

/** Runs the demo; then prints the first commands, and offers to make iapeer a command of the person's shell. */
async function start(words) {
  const main = join(root, 'apps', 'cli', 'dist', 'main.js')
  const installs = words.includes('--install')
  const options = words.filter((word) => word !== '--install')
  const cli = (args, asks) => run(process.execPath, [main, ...args], { mayFail: true, asks })
  process.exitCode = await cli(['demo', ...options], false)
  if (process.exitCode !== 0 || options.includes('--help')) return
  process.exitCode = await cli(['welcome', ...(installs ? ['--install'] : [])], true)
}

const [job, ...rest] = process.argv.slice(2)
if (job !== 'start' && job !== 'test' && job !== 'check') fail('usage: run.mjs start|test|check')
await prepare()
if (job === 'test') await test()
else if (job === 'check') await check(rest)
else await start(rest)
