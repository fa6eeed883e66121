// Compares the guard with the plain v2 protocol, in one run on this machine. Linux only.
//   pnpm --filter @iapeer/canary bench
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { startGuardedServer } from '../dist/index.js'
import {
  changedAt,
  join,
  pssKb,
  row,
  scratch,
  sleep,
  startDetached,
  startServer,
  summary,
} from './support.mjs'

// `node bench/guard.mjs burst [rounds]` measures simultaneous deaths only.
const burstAlone = process.argv[2] === 'burst'
const [deaths = 30, servers = 300, idleSecs = 60] = burstAlone ? [] : process.argv.slice(2).map(Number)
const reference = fileURLToPath(new URL('./v2-reference.sh', import.meta.url))
const clock = () => performance.timeOrigin + performance.now()
const whole = (path) => readFileSync(path, 'utf8').endsWith('--- end\n')

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
  const times = {
    line: (await changedAt(files.line)) - killed,
    snapshot: (await changedAt(files.snapshot, whole)) - killed,
  }
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
    await location.remove()
  }
  return {
    line: summary(found.map((one) => one.line)),
    snapshot: summary(found.map((one) => one.snapshot)),
    launch: summary(launches.slice(3)),
  }
}

/**
 * Kills servers of one root at once. A claim is made right before its line, and nothing else is appended to exits.log, so the
 * last change of that file is the last line.
 */
async function atOnce(count) {
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
  await sleep(200)
  const killed = clock()
  for (const { server } of started) process.kill(server.pid, 'SIGKILL')
  // No polling here: the files keep their times, and the recorders need the processors.
  await sleep(2_500)
  const found = []
  for (const { identity, gen } of started) {
    const key = `${identity}-${gen}`
    found.push({
      claim: (await changedAt(join(deathsDir, `${key}.claim`))) - killed,
      snapshot: (await changedAt(join(deathsDir, `${key}.txt`), whole)) - killed,
    })
    while (existsSync(join(recordDir, 'state', 'canary', key))) await sleep(5)
  }
  const last = (await changedAt(join(recordDir, 'exits.log'))) - killed
  await location.remove()
  const claims = summary(found.map((one) => one.claim))
  return { line: { p50: claims.p50, p99: last }, snapshot: summary(found.map((one) => one.snapshot)) }
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
    await location.remove()
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
    await location.remove()
  }
  return { line: summary(found.map((one) => one.line)), snapshot: summary(found.map((one) => one.snapshot)) }
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
  await location.remove()
  return { memory, cpuMs }
}

async function burst() {
  const found = await atOnce(40)
  row('40 at once: SIGKILL to line, p50', found.line.p50, undefined, 'ms')
  row('40 at once: SIGKILL to line, p99', found.line.p99, undefined, 'ms')
  row('40 at once: SIGKILL to snapshot, p50', found.snapshot.p50, undefined, 'ms')
  row('40 at once: SIGKILL to snapshot, p99', found.snapshot.p99, undefined, 'ms')
}

if (burstAlone) {
  for (let round = 0; round < Number(process.argv[3] ?? 1); round++) await burst()
  process.exit()
}
console.log(`${'what'.padEnd(44)} ${'guard'.padStart(10)}     ${'v2'.padStart(10)}`)
const ours = await alone(deaths)
const plain = await v2(Math.min(5, deaths))
row('SIGKILL to line on disk, p50', ours.line.p50, plain.line.p50, 'ms')
row('SIGKILL to line on disk, p99', ours.line.p99, plain.line.p99, 'ms')
row('SIGKILL to finished snapshot, p50', ours.snapshot.p50, plain.snapshot.p50, 'ms')
row('SIGKILL to finished snapshot, p99', ours.snapshot.p99, plain.snapshot.p99, 'ms')
await burst()
const launch = await plainLaunch(deaths)
row('launch until the socket answers, p50', ours.launch.p50, launch.p50, 'ms')
const fleet = await many(servers)
for (const [count, kb] of Object.entries(fleet.memory))
  row(`memory a guard, at ${count} (PSS)`, kb, undefined, 'kB')
row(`CPU of ${servers} idle guards in ${idleSecs} s`, fleet.cpuMs, undefined, 'ms')
console.log('(launch is compared with `tmux new-session -d`, because v2 has no launch of its own)')
