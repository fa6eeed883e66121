// Compares the watch with the plain v2 protocol, in one run on this machine. Linux only.
//   node bench/watch.mjs [--json] [deaths=30] [servers=100]
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { percentile, Results, readArguments } from '@iapeer/dev/bench'
import { ensureCanary } from '../dist/index.js'
import {
  changedAt,
  childrenOf,
  clock,
  exec,
  join,
  keepStampsFine,
  pssKb,
  scratch,
  sleep,
  startDetached,
  startServer,
  summary,
} from './support.mjs'

const [deaths = 30, servers = 100] = readArguments().words.map(Number)
const reference = fileURLToPath(new URL('./v2-reference.sh', import.meta.url))
const whole = (path) => readFileSync(path, 'utf8').endsWith('--- end\n')
const results = new Results()

async function dieWatched(directory) {
  const server = await startServer(join(directory, 's'))
  const armed = await ensureCanary({
    identity: 'bench-a',
    socketPath: server.socketPath,
    recordDir: directory,
  })
  const stamps = keepStampsFine(directory)
  await sleep(50)
  const killed = clock()
  process.kill(server.pid, 'SIGKILL')
  const line = (await changedAt(join(directory, 'exits.log'))) - killed
  const snapshot =
    (await changedAt(join(directory, 'server-deaths', `bench-a-${armed.gen}.txt`), whole)) - killed
  stamps.stop()
  while (existsSync(join(directory, 'state', 'canary', `bench-a-${armed.gen}`))) await sleep(5)
  return { line, snapshot }
}

async function dieReferenced(directory) {
  const server = await startServer(join(directory, 's'))
  startDetached('/bin/sh', [reference, server.socketPath, 'chan', directory])
  await sleep(100)
  const killed = clock()
  process.kill(server.pid, 'SIGKILL')
  const line = (await changedAt(join(directory, 'exits.log'))) - killed
  const snapshot = (await changedAt(join(directory, 'snapshot.txt'))) - killed
  return { line, snapshot }
}

async function timeDeaths(die, count) {
  const found = []
  for (let round = 0; round < count; round++) {
    const location = scratch()
    found.push(await die(location.path))
    location.remove()
  }
  return { line: summary(found.map((one) => one.line)), snapshot: summary(found.map((one) => one.snapshot)) }
}

async function memory(count) {
  const location = scratch()
  const pids = { ours: [], reference: [] }
  const running = []
  for (let at = 0; at < count; at++) {
    const server = await startServer(join(location.path, `s${at}`))
    running.push(server.pid)
    await ensureCanary({ identity: `bench-s${at}`, socketPath: server.socketPath, recordDir: location.path })
    pids.reference.push(startDetached('/bin/sh', [reference, server.socketPath, 'chan', location.path]))
  }
  await sleep(500)
  const states = join(location.path, 'state', 'canary')
  const recorderOf = (name) => Number(/^recorder=(\d+)/m.exec(readFileSync(join(states, name), 'utf8'))?.[1])
  pids.ours = readdirSync(states)
    .filter((name) => /-[0-9a-f]{16}$/.test(name))
    .map(recorderOf)
  const withClients = (list) => list.flatMap((pid) => [pid, ...childrenOf(pid)])
  const result = {
    ours: pssKb(withClients(pids.ours)) / count,
    reference: pssKb(withClients(pids.reference)) / count,
  }
  for (const pid of running) process.kill(pid, 'SIGKILL')
  while (readdirSync(states).length > 0) await sleep(50)
  await sleep(3_000)
  location.remove()
  return result
}

/** Measures ensureCanary among many recorded canaries; the reference finds its recorder with `pgrep -f`, as v2 did. */
async function alreadyArmed(count) {
  const location = scratch()
  const server = await startServer(join(location.path, 's'))
  const request = { identity: 'bench-real', socketPath: server.socketPath, recordDir: location.path }
  await ensureCanary(request)
  const states = join(location.path, 'state', 'canary')
  mkdirSync(states, { recursive: true })
  for (let at = 1; at < count; at++) {
    const gen = at.toString(16).padStart(16, '0')
    const text = `mode=watch\nrecorder=1:1\nserver=1:1\nsocket=/tmp/none\nsocket_id=-\nboot=-\n`
    writeFileSync(join(states, `bench-x${at}-${gen}`), text)
  }
  const ours = []
  for (let round = 0; round < 300; round++) {
    const from = performance.now()
    // Without a tmux, ensureCanary can answer only from its files.
    const { state } = await ensureCanary({ ...request, tmux: '/nowhere' })
    if (state !== 'already') throw new Error(state)
    ours.push(performance.now() - from)
  }
  const pgrep = []
  for (let round = 0; round < 10; round++) {
    const from = performance.now()
    await exec('pgrep', ['-f', 'wait-for iap-canary-bench-real'])
    pgrep.push(performance.now() - from)
  }
  process.kill(server.pid, 'SIGKILL')
  await changedAt(join(location.path, 'exits.log'))
  await sleep(500)
  location.remove()
  return { ours: percentile(ours, 0.5), ours99: percentile(ours, 0.99), reference: percentile(pgrep, 0.5) }
}

const compare = (id, what, unit, [value, plain]) =>
  results.figure(id, { what, value, unit, beside: { what: 'plain tmux client in sh', value: plain } })
const ours = await timeDeaths(dieWatched, deaths)
const v2 = await timeDeaths(dieReferenced, Math.min(5, deaths))
compare('watch.line.p50', 'SIGKILL to line of a watch, p50', 'ms', [ours.line.p50, v2.line.p50])
compare('watch.line.p99', 'SIGKILL to line of a watch, p99', 'ms', [ours.line.p99, v2.line.p99])
compare('watch.snapshot.p50', 'SIGKILL to snapshot of a watch, p50', 'ms', [
  ours.snapshot.p50,
  v2.snapshot.p50,
])
compare('watch.snapshot.p99', 'SIGKILL to snapshot of a watch, p99', 'ms', [
  ours.snapshot.p99,
  v2.snapshot.p99,
])
const kb = await memory(servers)
compare('memory.watch', `memory (PSS) of a watch with its tmux client, of ${servers}`, 'kB', [
  kb.ours,
  kb.reference,
])
const armed = await alreadyArmed(1_000)
for (const part of ['p50', 'p99'])
  results.figure(`watch.armed.${part}`, {
    what: `\`watch\` of a server that is watched, among 1,000, ${part}`,
    value: part === 'p50' ? armed.ours : armed.ours99,
    unit: 'ms',
    beside: { what: 'pgrep -f', value: armed.reference },
  })
results.print()
