// Compares the guard with the plain v2 protocol, in one run on this machine. Linux only.
//   node bench/guard.mjs [--json] [deaths=30] [servers=300] [idleSecs=60] [bursts=1] [atOnce=40] [restSecs=65]
//   node bench/guard.mjs burst [bursts=1] [atOnce=40] [restSecs=65]    measures simultaneous deaths only
//
// Before many servers are killed at once, they run for restSecs, as a fleet does. An ext4 without a journal, as some virtual machines
// have it, looks at every inode that was freed within a minute when it creates a file (`recently_deleted` in fs/ext4/ialloc.c), and each
// launch frees some: right after the launches the last line took 47 to 130 ms, from run to run, and with that rest 45 to 66 ms. Both are
// measured.
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { percentile, Results, readArguments } from '@iapeer/dev/bench'
import { startGuardedServer } from '../dist/index.js'
import {
  changedAt,
  clock,
  join,
  keepStampsFine,
  pssKb,
  scratch,
  sleep,
  startDetached,
  startServer,
  summary,
} from './support.mjs'

const { words } = readArguments()
const burstAlone = words[0] === 'burst'
const [deaths = 30, servers = 300, idleSecs = 60, bursts = 1, together = 40, restSecs = 65] = (
  burstAlone ? [0, 0, 0, ...words.slice(1)] : words
).map(Number)
const reference = fileURLToPath(new URL('./v2-reference.sh', import.meta.url))
const whole = (path) => readFileSync(path, 'utf8').endsWith('--- end\n')
const results = new Results()

async function start(directory, name = 'a') {
  return startGuardedServer({
    identity: `bench-${name}`,
    socketPath: join(directory, name),
    recordDir: join(directory, `rec-${name}`),
    timeoutMs: 30_000,
  })
}

const filesOf = (directory, name, gen) => ({
  line: join(directory, `rec-${name}`, 'exits.log'),
  snapshot: join(directory, `rec-${name}`, 'server-deaths', `bench-${name}-${gen}.txt`),
  state: join(directory, `rec-${name}`, 'state', 'canary', `bench-${name}-${gen}`),
})

async function timesOf(directory, name, gen, killed) {
  const files = filesOf(directory, name, gen)
  const stamps = keepStampsFine(directory)
  const times = {
    line: (await changedAt(files.line)) - killed,
    snapshot: (await changedAt(files.snapshot, whole)) - killed,
  }
  stamps.stop()
  while (existsSync(files.state)) await sleep(5)
  return times
}

async function alone(count) {
  const found = []
  const launches = []
  for (let round = 0; round < count; round++) {
    const location = scratch()
    const from = performance.now()
    const { server, gen } = await start(location.path)
    launches.push(performance.now() - from)
    await sleep(50)
    const killed = clock()
    process.kill(server.pid, 'SIGKILL')
    found.push(await timesOf(location.path, 'a', gen, killed))
    location.remove()
  }
  return {
    lines: found.map((one) => one.line),
    snapshots: found.map((one) => one.snapshot),
    launch: summary(launches.slice(Math.min(3, count - 1))),
  }
}

/**
 * Kills servers of one root at once, `rest` milliseconds after their launch. A claim is made right before its line, and nothing else is
 * appended to exits.log, so the last change of that file is the last line.
 * @returns the times from the kill, in milliseconds, of each line and snapshot
 */
async function atOnce(count, rest) {
  const location = scratch()
  const recordDir = join(location.path, 'rec')
  const deathsDir = join(recordDir, 'server-deaths')
  const started = []
  for (let at = 0; at < count; at++) {
    const identity = `bench-n${at}`
    const socketPath = join(location.path, `n${at}`)
    started.push({
      identity,
      ...(await startGuardedServer({ identity, socketPath, recordDir, timeoutMs: 30_000 })),
    })
  }
  await sleep(rest)
  const stamps = keepStampsFine(location.path)
  for (const one of started) {
    one.killed = clock()
    process.kill(one.server.pid, 'SIGKILL')
  }
  // No polling here: the files keep their times, and the recorders need the processors.
  await sleep(2_500)
  stamps.stop()
  const [claims, snapshots] = [[], []]
  for (const { identity, gen, killed } of started) {
    const key = `${identity}-${gen}`
    claims.push({ killed, at: await changedAt(join(deathsDir, `${key}.claim`)) })
    snapshots.push((await changedAt(join(deathsDir, `${key}.txt`), whole)) - killed)
    while (existsSync(join(recordDir, 'state', 'canary', key))) await sleep(5)
  }
  claims.sort((one, other) => one.at - other.at)
  claims[count - 1].at = await changedAt(join(recordDir, 'exits.log'))
  location.remove()
  return { lines: claims.map(({ at, killed }) => at - killed), snapshots }
}

/** Does the same with the plain protocol; each server has a log of its own. */
async function v2AtOnce(count) {
  const location = scratch()
  const started = []
  for (let at = 0; at < count; at++) {
    const directory = join(location.path, `v${at}`)
    mkdirSync(directory)
    const server = await startServer(join(directory, 's'))
    startDetached('/bin/sh', [reference, server.socketPath, 'chan', directory])
    started.push({ directory, server })
  }
  await sleep(500)
  const killed = clock()
  for (const { server } of started) process.kill(server.pid, 'SIGKILL')
  await sleep(2_500)
  const [lines, snapshots] = [[], []]
  for (const { directory } of started) {
    lines.push((await changedAt(join(directory, 'exits.log'))) - killed)
    snapshots.push((await changedAt(join(directory, 'snapshot.txt'))) - killed)
  }
  location.remove()
  return { lines, snapshots }
}

/** Measures the start of a plain server until it answers, to compare with the guard's launch. */
async function plainLaunch(count) {
  const times = []
  for (let round = 0; round < count; round++) {
    const location = scratch()
    const from = performance.now()
    const { pid } = await startServer(join(location.path, 's'))
    times.push(performance.now() - from)
    process.kill(pid, 'SIGKILL')
    location.remove()
  }
  return summary(times)
}

async function v2(count) {
  const found = []
  for (let round = 0; round < count; round++) {
    const location = scratch()
    const server = await startServer(join(location.path, 's'))
    startDetached('/bin/sh', [reference, server.socketPath, 'chan', location.path])
    await sleep(100)
    const killed = clock()
    process.kill(server.pid, 'SIGKILL')
    found.push({
      line: (await changedAt(join(location.path, 'exits.log'))) - killed,
      snapshot: (await changedAt(join(location.path, 'snapshot.txt'))) - killed,
    })
    location.remove()
  }
  return { lines: found.map((one) => one.line), snapshots: found.map((one) => one.snapshot) }
}

/** Returns user and system time of processes, in clock ticks of 10 ms (proc_pid_stat(5), fields 14 and 15). */
function ticks(pids) {
  return pids.reduce((sum, pid) => {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const words = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return sum + Number(words[11]) + Number(words[12])
  }, 0)
}

async function many(count) {
  const location = scratch()
  const started = []
  const memory = {}
  for (let at = 0; at < count; at++) {
    started.push({ name: `n${at}`, ...(await start(location.path, `n${at}`)) })
    if (at + 1 === 100 || at + 1 === count) {
      await sleep(300)
      memory[at + 1] = pssKb(started.map((one) => one.guardPid)) / started.length
    }
  }
  const guards = started.map((one) => one.guardPid)
  const before = ticks(guards)
  await sleep(idleSecs * 1_000)
  const cpuMs = (ticks(guards) - before) * 10
  for (const { server } of started) process.kill(server.pid, 'SIGKILL')
  for (const { name, gen } of started)
    while (existsSync(filesOf(location.path, name, gen).state)) await sleep(20)
  location.remove()
  return { memory, cpuMs }
}

/** Returns the share of the values up to each of them, for a plot. */
const cumulative = (values) =>
  [...values]
    .sort((one, other) => one - other)
    .map((value, at) => [Math.max(value, 0.1), ((at + 1) / values.length) * 100])

const compare = (id, what, unit, { values, plain, name }) => {
  for (const [part, share] of [
    ['p50', 0.5],
    ['p99', 0.99],
  ]) {
    const beside = { what: name, value: percentile(plain, share) }
    const count = values.length
    results.figure(`${id}.${part}`, {
      what: `${what}, ${part}`,
      value: percentile(values, share),
      unit,
      beside,
      count,
    })
  }
}

async function burst() {
  const [lines, snapshots] = [[], []]
  const fresh = await atOnce(together, 200)
  for (let round = 0; round < bursts; round++) {
    const found = await atOnce(together, restSecs * 1_000)
    lines.push(...found.lines)
    snapshots.push(...found.snapshots)
  }
  const plain = await v2AtOnce(together)
  const name = 'plain tmux client in sh'
  compare('death.line-together', `${together} at once: SIGKILL to line`, 'ms', {
    values: lines,
    plain: plain.lines,
    name,
  })
  compare('death.snapshot-together', `${together} at once: SIGKILL to snapshot`, 'ms', {
    values: snapshots,
    plain: plain.snapshots,
    name,
  })
  compare('death.line-fresh', `${together} at once, just launched: SIGKILL to line`, 'ms', {
    values: fresh.lines,
    plain: plain.lines,
    name,
  })
  results.series('death.line-together', { what: 'line', points: cumulative(lines) })
  results.series('death.snapshot-together', { what: 'snapshot', points: cumulative(snapshots) })
  results.series('death.plain-line-together', { what: `line of a ${name}`, points: cumulative(plain.lines) })
}

async function noteStamps() {
  const location = scratch()
  const stamps = keepStampsFine(location.path)
  const lagMs = await stamps.lagMs()
  stamps.stop()
  location.remove()
  results.note(
    `Times are those of the file system for the written files. Its clock was at most ${lagMs.toFixed(1)} ms behind; a time can be that much too short.`,
  )
}

async function compareAlone() {
  const ours = await alone(deaths)
  const plain = await v2(Math.min(5, deaths))
  const name = 'plain tmux client in sh'
  compare('death.line-alone', 'one death: SIGKILL to line', 'ms', {
    values: ours.lines,
    plain: plain.lines,
    name,
  })
  compare('death.snapshot-alone', 'one death: SIGKILL to snapshot', 'ms', {
    values: ours.snapshots,
    plain: plain.snapshots,
    name,
  })
  return ours
}

async function compareFleet() {
  const fleet = await many(servers)
  for (const [count, kb] of Object.entries(fleet.memory))
    results.figure(`memory.guard-${count}`, {
      what: `memory (PSS) of a guard, of ${count}`,
      value: kb,
      unit: 'kB',
    })
  if (idleSecs > 0)
    results.figure('cpu.idle-guards', {
      what: `processor time of ${servers} idle guards in ${idleSecs} s`,
      value: fleet.cpuMs,
      unit: 'ms',
    })
}

await noteStamps()
const ours = burstAlone ? undefined : await compareAlone()
await burst()
if (ours !== undefined) {
  const plain = await plainLaunch(deaths)
  results.figure('launch.guarded-server', {
    what: 'start of a guarded server until it answers, p50',
    value: ours.launch.p50,
    unit: 'ms',
    beside: { what: 'tmux new-session -d', value: plain.p50 },
    count: deaths,
  })
  await compareFleet()
}
results.print()
