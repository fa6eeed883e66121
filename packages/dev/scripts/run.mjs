// What `npm start` and `npm test` run, on a machine that has only Node and git. Plain Node, no dependency: it sees to
// tmux, fetches the pinned pnpm through npx, installs from the frozen lockfile, builds, and then does the job.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

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

const onPath = (name) => (env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, name)))

/** Runs a command; its output is shown, or kept back and shown when it fails. */
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

/** How each package manager installs tmux without a question; brew never runs as root. */
const INSTALLERS = [
  ['apt-get', ['apt-get', 'install', '-y', '-qq', 'tmux'], ['apt-get', 'update', '-qq']],
  ['dnf', ['dnf', 'install', '-y', '-q', 'tmux']],
  ['apk', ['apk', 'add', '-q', 'tmux']],
  ['pacman', ['pacman', '-S', '--noconfirm', '--quiet', 'tmux']],
  ['brew', ['brew', 'install', '--quiet', 'tmux']],
]

async function seeToTmux() {
  if (onPath('tmux')) return
  const found = INSTALLERS.find(([name]) => onPath(name))
  if (found === undefined)
    fail('tmux is needed and is not installed: install it with the package manager of this system.')
  const [name, install, prepare] = found
  const asRoot = process.getuid?.() === 0
  const sudo = name !== 'brew' && !asRoot
  const command = `${sudo ? 'sudo ' : ''}${install.join(' ')}`
  const permitted =
    !sudo || (onPath('sudo') && (await run('sudo', ['-n', 'true'], { quiet: true, mayFail: true })) === 0)
  if (!permitted) fail(`tmux is needed and is not installed. Install it with: ${command}`)
  process.stderr.write(`installing tmux: ${command}\n`)
  const prefix = sudo ? ['sudo', '-n'] : []
  for (const words of [prepare, install]) {
    if (words === undefined) continue
    const [file, ...args] = [...prefix, ...words]
    const code = await run(file, args, {
      quiet: true,
      mayFail: true,
      extraEnv: { DEBIAN_FRONTEND: 'noninteractive' },
    })
    if (code !== 0 && words === install) fail(`tmux could not be installed. Install it with: ${command}`)
  }
}

const pnpm = (args, options) => run('npx', ['-y', packageManager, ...args], options)

/** Nothing else is said for up to a minute. */
const say = (doing) => process.stderr.write(`${doing} ...\n`)

async function prepare() {
  checkNode()
  await seeToTmux()
  say('fetching what is needed')
  await pnpm(['install', '--frozen-lockfile'], { quiet: true })
  say('building')
  await pnpm(['exec', 'turbo', 'run', 'build', '--output-logs=errors-only'], { quiet: true })
}

/** The reports that the packages' test runs have written, summed up. */
function reports() {
  const folders = ['packages', 'apps'].flatMap((parent) =>
    readdirSync(join(root, parent)).map((name) => join(root, parent, name)),
  )
  return folders.map((folder) => join(folder, 'node_modules', '.cache', 'test-report.json'))
}

async function test() {
  for (const path of reports()) rmSync(path, { force: true })
  const code = await pnpm(
    ['exec', 'turbo', 'run', 'test', '--concurrency=1', '--continue', '--output-logs=full'],
    { mayFail: true },
  )
  let [passed, failed, ran] = [0, 0, 0]
  for (const path of reports().filter((report) => existsSync(report))) {
    const report = JSON.parse(readFileSync(path, 'utf8'))
    passed += report.numPassedTests
    failed += report.numFailedTests
    ran++
  }
  // A run that failed without a failed test (a leftover, a file that did not load) counts as one failure.
  if (code !== 0 && failed === 0) failed = 1
  process.stdout.write(`\n${ran} packages\n${passed} passed, ${failed} failed\n`)
  process.exitCode = code === 0 && failed === 0 && passed > 0 ? 0 : 1
}

const [job, ...rest] = process.argv.slice(2)
if (job !== 'start' && job !== 'test') fail('usage: run.mjs start|test')
await prepare()
if (job === 'test') await test()
else
  process.exitCode = await run(
    process.execPath,
    [join(root, 'apps', 'cli', 'dist', 'main.js'), 'demo', ...rest],
    { mayFail: true },
  )
