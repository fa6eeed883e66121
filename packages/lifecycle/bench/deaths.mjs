// Measures the cost of 500 recorded deaths: judging them, a reconcile, a young death that waits to be notified, and a tick.
// Usage: node bench/deaths.mjs [deaths=500]; bytes are what this process has read (Linux).
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { reconcile } from '@iapeer/canary'
import { rootLayout, rootRecordLocation } from '@iapeer/core/paths'
import { beginNotifying, deathViews, notifyDeaths } from '../dist/deaths.js'
import { createEventLog } from '../dist/eventlog.js'
import { FleetSupervisor } from '../dist/supervise.js'

const count = Number(process.argv[2] ?? 500)
const RUNS = 10
const SNAPSHOT_BYTES = 32 * 1024
const SUPERVISED_MS = 10_000
const directory = mkdtempSync(join(tmpdir(), 'iapd-'))
const root = join(directory, 'r')
const { records } = rootLayout(root)
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

function bytesRead() {
  if (!existsSync('/proc/self/io')) return Number.NaN
  return Number(/^rchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1])
}

const genOf = (number) => number.toString(16).padStart(16, '0')

/** Writes a death as a recorder does: a line, a claim, and a complete snapshot. */
function recordDeath(number, at) {
  const [identity, gen, ts] = [`command-p${number % 50}`, genOf(number), at.toISOString()]
  const base = join(records.deathsDir, `${identity}-${gen}`)
  const facts = `wait_rc=137 signal=KILL cause=killed mode=guard`
  const head = `server-death identity=${identity} gen=${gen} ts=${ts} server_pid=801 server_start=191561 ${facts} platform=linux format=1`
  const line = `${'900   812 1310720       05:29 node'.padEnd(100, ' ')}x\n`
  const filler = line.repeat(Math.floor(SNAPSHOT_BYTES / line.length))
  writeFileSync(`${base}.txt`, `${head}\n--- kernel-log\n--- ps\n${filler}--- end\n`, { mode: 0o600 })
  const claim = `rc=137,ev=server,ts=${at.getTime()},rec=900:191500,c=no`
  writeFileSync(`${base}.claim`, `${claim}\n`, { mode: 0o600 })
  return `ts=${ts} ev=server-exit identity=${identity} gen=${gen} server_pid=801 server_start=191561 ${facts} recorder=guard forensics=${base}.txt\n`
}

async function measure(what, act, runs = RUNS) {
  await act()
  const times = []
  const [from, cpuFrom] = [bytesRead(), process.cpuUsage()]
  for (let run = 0; run < runs; run++) {
    const begun = performance.now()
    await act()
    times.push(performance.now() - begun)
  }
  const cpu = process.cpuUsage(cpuFrom)
  const read = (bytesRead() - from) / runs
  report(what, times.sort((a, b) => a - b)[runs >> 1], (cpu.user + cpu.system) / 1_000 / runs, read)
}

function report(what, ms, cpuMs, read) {
  const numbers = [`${ms.toFixed(1)} ms`, `${cpuMs.toFixed(1)} ms`, `${(read / 1024).toFixed(0)} KiB`]
  process.stdout.write(`${what.padEnd(56)}${numbers.map((one) => one.padStart(12)).join('')}\n`)
}

let supervisor
try {
  for (const path of [records.deathsDir, rootLayout(root).lifecycleStateDir])
    mkdirSync(path, { recursive: true, mode: 0o700 })
  const begun = Date.now()
  const lines = Array.from({ length: count }, (_none, at) =>
    recordDeath(at, new Date(begun - 20 * 3_600_000 + at * 60_000)),
  )
  writeFileSync(records.exitsLog, lines.join(''), { mode: 0o600 })
  const log = createEventLog(root)
  const env = { PATH: process.env.PATH, HOME: directory }
  const location = rootRecordLocation(root)
  process.stdout.write(
    `${`${count} deaths`.padEnd(56)}${['wall', 'processor', 'read'].map((one) => one.padStart(12)).join('')}\n`,
  )
  await measure('judge all of them (iapeer deaths)', () => deathViews(root))
  await measure('judge the newest 20', () => deathViews(root, { limit: 20 }))
  await measure('reconcile', () => reconcile(location))
  await beginNotifying(root, new Date())
  await measure('notify, nothing new', () => notifyDeaths(root, { env, log, now: new Date() }))
  const young = new Date()
  writeFileSync(records.exitsLog, [...lines, recordDeath(count, young)].join(''), { mode: 0o600 })
  await measure('notify, one death too young', () =>
    notifyDeaths(root, { env, log, now: new Date(young.getTime() + 1_000) }),
  )
  writeFileSync(records.exitsLog, lines.join(''), { mode: 0o600 })
  supervisor = new FleetSupervisor(root, {
    env: { ...env, IAPEER_TICK_SECS: '1' },
    onError: (what, error) => console.error(what, error),
  })
  await supervisor.start()
  await sleep(2_000)
  const before = { bytes: bytesRead(), cpu: process.cpuUsage(), tick: supervisor.stats().tick }
  await sleep(SUPERVISED_MS)
  const after = { bytes: bytesRead(), cpu: process.cpuUsage(before.cpu), tick: supervisor.stats().tick }
  const ticks = after.tick.count - before.tick.count
  report(
    `a tick with its reconcile (mean of ${ticks})`,
    ((after.tick.sum - before.tick.sum) / ticks) * 1_000,
    (after.cpu.user + after.cpu.system) / 1_000 / ticks,
    (after.bytes - before.bytes) / ticks,
  )
} finally {
  await supervisor?.stop()
  rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
}
