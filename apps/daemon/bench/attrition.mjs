// Kills the daemon repeatedly with SIGKILL while its peers are started, stopped and killed in many ways.
// Usage: node bench/attrition.mjs [kills=50] [peers=30] [seed]; exits with 1 if a death is lost or recorded twice, or anything is left behind.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { listCanaries } from '@iapeer/canary'
import { runProgram } from '@iapeer/core/exec'
import { createPeer, updatePeer } from '@iapeer/core/registry'
import { launchPeer } from '@iapeer/lifecycle/launch'
import { stopPeer } from '@iapeer/lifecycle/reap'
import { listSessions, statusOf } from '@iapeer/lifecycle/sessions'

const [kills = 50, peers = 30, seed = Date.now() % 1e9] = process.argv.slice(2).map(Number)
const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const WORKERS = 6
const directory = mkdtempSync(join(tmpdir(), 'iapa-'))
const root = join(directory, 'r')
const notifications = join(directory, 'notifications')
const location = {
  recordDir: join(root, 'logs', 'iapeer'),
  stateDir: join(root, 'state'),
  libDir: join(root, 'lib'),
}
const env = {
  ...process.env,
  IAPEER_ROOT: root,
  IAPEER_TICK_SECS: '1',
  IAPEER_CRASHLOOP_MAX: '100000',
  TMUX: '',
}

let state = seed
/** Returns a pseudo-random number between 0 and 1, determined by the seed (mulberry32). */
function random() {
  state = (state + 0x6d2b79f5) | 0
  let t = Math.imul(state ^ (state >>> 15), 1 | state)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296
}
const between = (from, to) => from + random() * (to - from)
const pick = (list) => list[Math.floor(random() * list.length)]
const nap = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const say = (what, value) => process.stdout.write(`${what.padEnd(60)} ${value}\n`)

async function until(what, look, limitMs) {
  const end = performance.now() + limitMs
  while (!(await look())) {
    if (performance.now() > end) return `not within ${limitMs / 1000} s: ${what}`
    await nap(50)
  }
  return undefined
}

function signal(pid, name) {
  try {
    process.kill(pid, name)
  } catch (error) {
    if (error.code !== 'ESRCH') throw error
  }
}

/** Returns the processes whose environment or command line names this directory, except this process. */
function processesOfRoot() {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        const text =
          readFileSync(`/proc/${pid}/environ`, 'latin1') + readFileSync(`/proc/${pid}/cmdline`, 'latin1')
        return text.includes(directory)
      } catch {
        return false
      }
    })
    .map((pid) => `${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ')}`)
}

let daemon
let crashed = 0
function startDaemon() {
  const child = spawn(process.execPath, [MAIN, '--foreground', '--root', root], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  child.killed9 = false
  child.once('exit', (code, why) => {
    if (!child.killed9) {
      crashed++
      console.error(`the daemon exited by itself: ${code ?? why}`)
      startDaemon()
    }
  })
  daemon = child
}

/** The generations that were killed, and those that were stopped; and the number of faults by kind. */
const doomed = new Set()
const silent = new Set()
const faults = new Map()

const gone = (identity, gen) => async () => (await statusOf(root, identity)).session?.gen !== gen

function post(path) {
  return new Promise((resolve) => {
    const socketPath = join(root, 'run', 'iapeerd.sock')
    const sent = request(
      { socketPath, method: 'POST', path, host: 'localhost', timeout: 20_000 },
      (answer) => {
        answer.resume().once('close', () => resolve(answer.statusCode))
      },
    )
    sent.once('error', () => resolve(undefined)).once('timeout', () => sent.destroy())
    sent.end()
  })
}

const FAULTS = {
  leader: ({ leader }) => signal(leader.pid, 'SIGKILL'),
  server: ({ server }) => signal(server.pid, 'SIGKILL'),
  segv: ({ server }) => signal(server.pid, 'SIGSEGV'),
  'guard+server': async ({ identity, gen, server }) => {
    const guard = (await listCanaries(location)).find((one) => one.identity === identity && one.gen === gen)
    if (guard !== undefined) signal(guard.recorderPid, 'SIGKILL')
    signal(server.pid, 'SIGKILL')
  },
  'kill-server': async ({ socketPath }) => {
    await runProgram(['tmux', '-S', socketPath, 'kill-server'], { env, timeoutMs: 5_000 })
  },
  'leader, then server': async ({ leader, server }) => {
    signal(leader.pid, 'SIGKILL')
    await nap(between(0, 40))
    signal(server.pid, 'SIGKILL')
  },
  'stopped server, killed': async ({ server }) => {
    signal(server.pid, 'SIGSTOP')
    await nap(between(100, 2_500))
    signal(server.pid, 'SIGKILL')
  },
  'leader of a stopped server': async ({ leader, server }) => {
    signal(server.pid, 'SIGSTOP')
    signal(leader.pid, 'SIGKILL')
    await nap(between(100, 2_500))
    signal(server.pid, 'SIGCONT')
  },
}
const HARMLESS = ['stop', 'stop by the daemon', 'server stopped and continued', 'guard']

async function harmless(kind, session, entry) {
  const { identity, gen, server } = session
  if (kind === 'server stopped and continued') {
    signal(server.pid, 'SIGSTOP')
    await nap(between(100, 2_500))
    signal(server.pid, 'SIGCONT')
    return
  }
  if (kind === 'guard') {
    const guard = (await listCanaries(location)).find((one) => one.identity === identity && one.gen === gen)
    if (guard !== undefined) signal(guard.recorderPid, 'SIGKILL')
    return
  }
  if (kind === 'stop') {
    silent.add(`${identity}-${gen}`)
    await stopPeer(root, identity, { by: 'the bench', graceMs: 500 })
  } else {
    if ((await post(`/v1/peers/${entry.personality}/stop`)) !== 200)
      await stopPeer(root, identity, { by: 'the bench', graceMs: 500 })
  }
  await nap(between(0, 500))
  await start(entry)
}

async function start(entry) {
  try {
    await launchPeer(root, entry, { timeoutMs: 60_000 })
  } catch (error) {
    // A session that was killed during its start counts as a death, if it was enrolled.
    faults.set(`start: ${error.code}`, (faults.get(`start: ${error.code}`) ?? 0) + 1)
  }
}

const busy = new Set()
let isOver = false
const problems = []

async function worker(entries) {
  while (!isOver) {
    const entry = pick(entries.filter(({ personality }) => !busy.has(personality)))
    busy.add(entry.personality)
    try {
      await act(entry)
    } catch (error) {
      problems.push(`${entry.personality}: ${error.stack}`)
    } finally {
      busy.delete(entry.personality)
    }
    await nap(between(0, 1_200))
  }
}

async function act(entry) {
  const identity = `command-${entry.personality}`
  const { session } = await statusOf(root, identity)
  if (session?.readyAt === undefined) {
    // The daemon restarts the keep-alive peers; the bench starts them only sometimes.
    if (!entry.kept || random() < 0.1) await start(entry)
    return
  }
  const { gen } = session
  const isHarmless = random() < 0.35
  const kind = isHarmless ? pick(HARMLESS) : pick(Object.keys(FAULTS))
  faults.set(kind, (faults.get(kind) ?? 0) + 1)
  if (isHarmless) return harmless(kind, session, entry)
  doomed.add(`${identity}-${gen}`)
  await FAULTS[kind](session)
  const late = await until(`the end of ${identity}-${gen} (${kind})`, gone(identity, gen), 60_000)
  if (late !== undefined) problems.push(late)
}

/** Returns the sessions whose stop was declared and not completed, because its declarer was killed: they count as deaths (docs/records.md). */
function withdrawn() {
  const lines = readFileSync(join(root, 'logs', 'iapeer', 'lifecycle.log'), 'utf8').split('\n')
  const inState = (state) =>
    lines
      .filter((line) => line.includes(' ev=intent ') && line.includes(` state=${state}`))
      .map((line) => /identity=(\S+) gen=(\S+)/.exec(line)?.slice(1).join('-'))
  const done = new Set(inState('done'))
  return new Set(inState('pending').filter((id) => !done.has(id)))
}

function records() {
  const log = join(root, 'logs', 'iapeer', 'exits.log')
  const text = [log, `${log}.1`].map((path) => (existsSync(path) ? readFileSync(path, 'utf8') : '')).join('')
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => /identity=(\S+) gen=(\S+)/.exec(line)?.slice(1).join('-') ?? line)
}
function notified() {
  return readdirSync(notifications)
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) => JSON.parse(readFileSync(join(notifications, name), 'utf8')).deaths.map(({ id }) => id))
}
const duplicates = (list) => [...new Set(list.filter((one, at) => list.indexOf(one) !== at))]

function leftovers() {
  const found = []
  for (const part of ['state/canary', 'state/intent', 'state/lifecycle', 'logs/iapeer/server-deaths', 'run'])
    for (const name of readdirSync(join(root, part)))
      if (
        part === 'state/canary' ||
        part === 'state/intent' ||
        (/\.(tmp|part|takeover\d*|session|left|corrupt|take|next|lock)$/.test(name) &&
          name !== 'iapeerd.lock') ||
        (part === 'run' && /^tmux-/.test(name))
      )
        found.push(join(part, name))
  return found
}

function report(what, list) {
  say(what, String(list.length))
  if (list.length === 0) return
  process.exitCode = 1
  for (const one of list.slice(0, 8)) console.log(`    ${one}`)
}

mkdirSync(join(root, 'hooks'), { recursive: true, mode: 0o700 })
mkdirSync(notifications)
writeFileSync(
  join(root, 'hooks', 'on-death'),
  `#!/bin/sh\ncat >'${notifications}'/$$.new && mv '${notifications}'/$$.new '${notifications}'/$$-$(date +%s%N).json\n`,
  { mode: 0o700 },
)
say('seed', String(seed))
const entries = []
for (let at = 0; at < peers; at++) {
  const entry = await createPeer(root, {
    personality: `p${at}`,
    defaultRuntime: 'command',
    command: ['sleep', '100000'],
  })
  const kept = at % 3 !== 0
  if (kept) await updatePeer(root, `p${at}`, { wakePolicy: 'keep-alive' })
  entries.push({ ...entry, kept })
}
startDaemon()
await until('the daemon', () => existsSync(join(root, 'run', 'iapeerd.sock')), 10_000)
const from = performance.now()
for (const entry of entries) start(entry)
const all = Array.from({ length: WORKERS }, () => worker(entries))
for (let kill = 0; kill < kills; kill++) {
  await nap(between(30, random() < 0.5 ? 600 : 3_000))
  const child = daemon
  child.killed9 = true
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await ended
  startDaemon()
}
const lastAt = performance.now()
isOver = true
await Promise.all(all)
say(
  `${kills} kills of the daemon, ${peers} peers, ${WORKERS} workers`,
  `${((lastAt - from) / 1000).toFixed(1)} s`,
)
for (const [kind, count] of [...faults].sort()) say(`  ${kind}`, String(count))

const kept = entries.filter((one) => one.kept).map(({ personality }) => `command-${personality}`)
const isRunning = async (identity) => (await statusOf(root, identity)).state === 'running'
const back = await until(
  'every keep-alive peer to run again',
  async () => (await Promise.all(kept.map(isRunning))).every(Boolean),
  300_000,
)
if (back !== undefined) {
  problems.push(back)
  for (const identity of kept)
    if (!(await isRunning(identity)))
      problems.push(`${identity}: ${JSON.stringify(await statusOf(root, identity))}`)
}
say('all keep-alive peers run again after', `${((performance.now() - lastAt) / 1000).toFixed(1)} s`)
const unrecorded = () => [...doomed].filter((id) => !records().includes(id))
await until('records', () => unrecorded().length === 0, 30_000)
await until('notifications', () => records().every((id) => notified().includes(id)), 60_000)
const found = records()
const sent = notified()
const incomplete = withdrawn()
say('kills, recorded deaths, notified deaths', `${doomed.size}, ${found.length}, ${sent.length}`)
report('deaths without a record', unrecorded())
report('deaths with two records', duplicates(found))
report(
  'records of sessions that were stopped or not killed',
  found.filter((id) => !doomed.has(id) && !incomplete.has(id)),
)
say(
  'stops whose declarer was killed, and which are recorded',
  String(found.filter((id) => incomplete.has(id) && !doomed.has(id)).length),
)
report('deaths with two notifications', duplicates(sent))
report(
  'deaths without a notification',
  found.filter((id) => !sent.includes(id)),
)
daemon.killed9 = true
const ended = new Promise((resolve) => daemon.once('exit', resolve))
await Promise.all(
  entries.map(({ personality }) =>
    stopPeer(root, `command-${personality}`, { by: 'the bench', graceMs: 500 }),
  ),
)
// Files of killed writers are removed when they are ten seconds old.
await until('the removal of stale files', () => leftovers().length === 0, 20_000)
report(
  'sessions left behind',
  (await listSessions(root)).map(({ identity }) => identity),
)
report('files left behind', leftovers())
daemon.kill('SIGTERM')
await ended
await until('processes', () => processesOfRoot().length === 0, 5_000)
report('processes left behind', processesOfRoot())
report(
  'records written after the count',
  records().filter((id) => !found.includes(id)),
)
report(
  'daemons that exited by themselves',
  Array.from({ length: crashed }, () => 'see above'),
)
report('other problems', problems)
const log = readFileSync(join(root, 'logs', 'iapeer', 'daemon.log'), 'utf8')
  .split('\n')
  .filter((line) => /"level":[56]0/.test(line))
say('errors in the daemon log', String(log.length))
for (const line of [
  ...new Set(
    log
      .map((text) => JSON.parse(text))
      .map(({ what, msg, err }) => `${what} ${msg}: ${err?.message}`.replace(/\d+/g, 'N')),
  ),
].slice(0, 12))
  console.log(`    ${line}`)
if (process.exitCode === 1) console.log(`the files are kept in ${directory}`)
else rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
