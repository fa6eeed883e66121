// Kills all peers of a fleet with one real out-of-memory, frees the memory in steps, and checks that the peers come back one by one as
// memory allows. Everything is real: tmux servers, recorders, the supervisor, the kernel's OOM killer, and the memory that the launch
// gate reads. The supervisor and its peers run in a memory cgroup with a limit, which decides for the gate; a file in memory fills it and
// is made smaller later.
//   node bench/memory-deaths.mjs [PEERS=30] [MIB_EACH=64] [LIMIT_MIB=4096]
// Needs Linux, root, perl, and the memory controller of cgroup v1 or v2. Prints what was measured and the list of problems; exit code 1
// if there are some.
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { fleetStatus, listSessions, readEvents, stopPeer } from '../dist/index.js'
import { Hog, hostBytes, KernelLog, MemoryCgroup, MIB, sleep } from './memory-cgroup.mjs'
import {
  checkDeaths,
  checkSessions,
  checkStarts,
  isLeaderAlive,
  mib,
  Report,
  reserveOf,
  secs,
  withStarts,
} from './memory-checks.mjs'
import { LaunchWatch } from './memory-watch.mjs'

const [peers = 30, mibEach = 64, limitMib = 4_096] = process.argv.slice(2).map(Number)
const limitBytes = limitMib * MIB
const reserveBytes = reserveOf(limitBytes)
/** No more peers start if none has started for this time. */
const QUIET_MS = 12_000

const out = new Report()
const directory = mkdtempSync(join(tmpdir(), 'iapm-'))
const root = join(directory, 'r')
let cgroup, fleet, hog, kernelLog, watch

const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => interrupted.abort(signal))

/** Polls `look` until it returns true. @throws Error after the limit, and when this process is interrupted */
async function until(what, look, limitMs) {
  const end = performance.now() + limitMs
  while (!(await look())) {
    if (interrupted.signal.aborted) throw new Error(`interrupted by ${interrupted.signal.reason}`)
    if (performance.now() > end) throw new Error(`not within ${limitMs / 1_000} s: ${what}`)
    await sleep(50)
  }
}

/** Starts the peers and their supervisor in the cgroup. @returns the sessions, once each was measured with all of its memory */
async function startFleet() {
  // Without systemd's user manager, the peers stay in this cgroup.
  const kept = Object.entries(process.env).filter(([name]) => !/^(IAPEER_|TMUX|XDG_RUNTIME_DIR)/.test(name))
  const script = fileURLToPath(new URL('memory-fleet.mjs', import.meta.url))
  const argv = [process.execPath, script, root, String(peers), String(mibEach)]
  fleet = cgroup.spawn(argv, { env: Object.fromEntries(kept), stdio: ['pipe', 'pipe', 'inherit'] })
  fleet.stdin.on('error', () => undefined)
  let isReady = false
  createInterface({ input: fleet.stdout }).on('line', () => {
    isReady = true
  })
  await until('the start of all peers', () => isReady || fleet.exitCode !== null, 300_000)
  if (!isReady) throw new Error(`the supervisor exited with code ${fleet.exitCode}`)
  // What a session needed is remembered if it was measured after half a minute.
  const isMeasured = ({ usage, startedAt }) =>
    usage?.peakBytes >= mibEach * MIB && Date.parse(usage.at) - Date.parse(startedAt) >= 30_000
  await until('all to be measured', async () => (await fleetStatus(root)).every(isMeasured), 120_000)
  return (await listSessions(root)).map(withStarts)
}

/** Takes memory until the kernel has killed the program of each session. @returns how long the kills took, in milliseconds */
async function runOutOfMemory(sessions) {
  const countAlive = () => sessions.filter(isLeaderAlive).length
  let firstMs
  await until(
    'the kernel to kill all programs',
    async () => {
      const alive = countAlive()
      if (alive < peers) firstMs ??= Date.now()
      if (alive > 0) await hog.grow(16)
      return alive === 0
    },
    180_000,
  )
  const tookMs = Date.now() - firstMs
  await leaveAvailable(reserveBytes / 2)
  return tookMs
}

/** Frees or takes memory until so much is available. */
async function leaveAvailable(bytes) {
  for (let attempt = 0; attempt < 5; attempt++) {
    const excessMib = Math.round((cgroup.availableBytes - bytes) / MIB)
    if (Math.abs(excessMib) < 6) return
    if (excessMib > 0) await hog.grow(excessMib)
    else hog.shrink(-excessMib)
    await sleep(100)
  }
}

/** Waits until no more peers start. @returns how many have started since the out-of-memory */
async function untilQuiet() {
  let [count, atMs] = [watch.starts.length, Date.now()]
  const isQuiet = () => {
    if (watch.isStarting || watch.starts.length > count) [count, atMs] = [watch.starts.length, Date.now()]
    return count >= peers || Date.now() - atMs > QUIET_MS
  }
  await until('no more peers to start', isQuiet, 300_000)
  return count
}

/** Frees the memory in steps, and checks that each one lets as many peers start as it has room for. */
async function freeInSteps(peakBytes) {
  const neededBytes = reserveBytes + peakBytes
  const steps = [
    { bytes: reserveBytes / 2, least: 0, most: 0 },
    { bytes: neededBytes - 40 * MIB, least: 0, most: 0 },
    { bytes: neededBytes + 40 * MIB, least: 1, most: 1 },
    { bytes: neededBytes + 4.5 * peakBytes, least: 3, most: 5 },
    { bytes: neededBytes + 8.5 * peakBytes, least: 6, most: 9 },
    { bytes: undefined, least: 1, most: peers },
  ]
  let [before, enoughMs, allMs] = [0, 0, 0]
  const counts = []
  for (const { bytes, least, most } of steps) {
    if (most > 0) enoughMs ||= Date.now()
    allMs = Date.now()
    if (bytes === undefined) hog.shrink()
    else await leaveAvailable(bytes)
    const count = (await untilQuiet()) - before
    before += count
    counts.push(`${count} with ${mib(bytes ?? limitBytes)}`)
    const isRight = count >= Math.min(least, peers - before + count) && count <= most
    out.check(isRight, `${counts.at(-1)} available were started, expected ${least} to ${most}`)
  }
  out.print('needed for a start', mib(neededBytes))
  out.print('started after each step', counts.join(', '))
  const [first, last] = [watch.starts[0]?.atMs, watch.starts.at(-1)?.atMs]
  out.print('first start after there was memory for one', secs(first - enoughMs))
  out.print('last start after there was memory for all', secs(last - allMs))
  out.print('from the first start to the last', secs(last - first))
}

/** Checks that the kernel killed the programs of the peers, and nothing else. */
function checkKills(before) {
  out.check(cgroup.kills === peers, `the kernel killed ${cgroup.kills} processes, not ${peers}`)
  const { victims } = kernelLog
  const pids = before.map(({ leader }) => leader.pid)
  const isSame = victims === undefined || (victims.size === peers && pids.every((pid) => victims.has(pid)))
  out.check(isSame, `the kernel log names ${[...(victims ?? [])].join(' ')}, not ${pids.join(' ')}`)
  out.print('programs that the kernel log names', victims === undefined ? 'not readable' : victims.size)
}

async function checkEvents() {
  const { events } = await readEvents(root)
  for (const [what, wanted] of Object.entries({ restart: peers, 'restart-failed': 0, 'gave-up': 0 })) {
    const count = events.filter(({ action }) => action === what).length
    out.check(count === wanted, `${count} events ${what}, not ${wanted}`)
  }
}

async function run() {
  if (hostBytes('MemAvailable') < limitBytes + 2_048 * MIB)
    throw new Error(`the host needs ${mib(limitBytes + 2_048 * MIB)} of available memory`)
  mkdirSync(root, { mode: 0o700 })
  cgroup = new MemoryCgroup(limitBytes)
  kernelLog = new KernelLog()
  hog = new Hog(cgroup)
  const before = await startFleet()
  out.check(before.length === peers, `${before.length} sessions, not ${peers}`)
  out.print(`available of ${mib(limitBytes)} beside ${peers} peers`, mib(cgroup.availableBytes))

  kernelLog.clear()
  watch = new LaunchWatch(root, cgroup)
  const tookMs = await runOutOfMemory(before)
  const diedMs = Date.now()
  out.print('killed by the kernel OOM killer', `${cgroup.kills}, within ${secs(tookMs)}`)
  const isQueued = ({ shown, queued }) => shown.word === 'queued' && / available, .* needed$/.test(queued.why)
  await until('all to be queued for memory', async () => (await fleetStatus(root)).every(isQueued), 180_000)
  out.print('all queued for memory after', secs(Date.now() - diedMs))
  checkKills(before)

  await freeInSteps(watch.peakOf(before[0]?.identity))
  await checkSessions(out, { root, before, cgroup, mibEach, until })
  await checkStarts(out, { root, before, watch, mibEach, limitBytes })
  await checkDeaths(out, { root, before, until })
  await checkEvents()
  out.check(cgroup.kills === peers, `the kernel killed ${cgroup.kills - peers} processes later`)
}

/** Stops everything that was started, in each state that `run` can have left. */
async function cleanUp() {
  hog?.remove()
  watch?.close()
  kernelLog?.close()
  fleet?.stdin.end()
  try {
    if (fleet !== undefined && fleet.exitCode === null && fleet.signalCode === null)
      await Promise.race([once(fleet, 'exit'), sleep(15_000)])
    if (!interrupted.signal.aborted)
      for (const { identity } of await listSessions(root)) await stopPeer(root, identity, { force: true })
  } finally {
    await cgroup?.remove()
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  }
}

try {
  await run()
} catch (error) {
  out.problems.push(error instanceof Error ? error.message : String(error))
} finally {
  await cleanUp()
}
process.stdout.write(
  `problems ${JSON.stringify(out.problems, undefined, out.problems.length === 0 ? 0 : 2)}\n`,
)
process.exitCode = out.problems.length === 0 ? 0 : 1
