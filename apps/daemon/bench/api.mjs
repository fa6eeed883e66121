// Measures a scrape of /metrics with 500 recorded deaths, and 100 clients that follow an event log of 25 MiB.
// Usage: node bench/api.mjs [deaths=500] [clients=100]; prints the processor time and the bytes read of the daemon (Linux).
import { spawn } from 'node:child_process'
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rootLayout } from '@iapeer/core/paths'

const [deaths = 500, clients = 100] = process.argv.slice(2).map(Number)
const SCRAPES = 20
const EVENTS = 50
const EVERY_MS = 100
const LOG_FILES = 5
const LOG_BYTES = 5 * 1024 * 1024
const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const directory = mkdtempSync(join(tmpdir(), 'iapb-'))
const root = join(directory, 'r')
const socketPath = join(root, 'run', 'iapeerd.sock')
const { records, lifecycleStateDir } = rootLayout(root)
const nap = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const percentile = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]
const say = (what, value) => process.stdout.write(`${what.padEnd(52)} ${value}\n`)

function recordDeaths() {
  const filler = `${'900   812 1310720       05:29 node'.padEnd(100, ' ')}x\n`.repeat(320)
  const lines = Array.from({ length: deaths }, (_none, at) => {
    const [identity, gen] = [`command-p${at % 50}`, at.toString(16).padStart(16, '0')]
    const ts = new Date(Date.now() - 20 * 3_600_000 + at * 60_000).toISOString()
    const base = join(records.deathsDir, `${identity}-${gen}`)
    const facts = 'wait_rc=137 signal=KILL cause=killed mode=guard'
    const head = `server-death identity=${identity} gen=${gen} ts=${ts} server_pid=801 server_start=191561 ${facts} platform=linux format=1`
    writeFileSync(`${base}.txt`, `${head}\n--- kernel-log\n--- ps\n${filler}--- end\n`, { mode: 0o600 })
    writeFileSync(`${base}.claim`, `rc=137,ev=server,ts=${Date.parse(ts)},rec=900:191500,c=no\n`, {
      mode: 0o600,
    })
    return `ts=${ts} ev=server-exit identity=${identity} gen=${gen} server_pid=801 server_start=191561 ${facts} recorder=guard forensics=${base}.txt\n`
  })
  writeFileSync(records.exitsLog, lines.join(''), { mode: 0o600 })
}

function writeEvents() {
  const ts = new Date(Date.now() - 3_600_000).toISOString()
  const line = `ts=${ts} ev=supervise identity=command-p1 action=restart mode=fresh why="${'x'.repeat(100)}"\n`
  const text = line.repeat(Math.floor(LOG_BYTES / line.length))
  for (let number = 0; number < LOG_FILES; number++)
    writeFileSync(number === 0 ? records.lifecycleLog : `${records.lifecycleLog}.${number}`, text, {
      mode: 0o600,
    })
}

function ask(path, onText = () => {}) {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, path, agent: false }, (response) => {
      response
        .setEncoding('utf8')
        .on('data', onText)
        .on('error', () => {})
      resolve({ sent, ended: new Promise((end) => response.once('close', end)) })
    })
    sent.once('error', reject).end()
  })
}

/** Returns the processor time in ms, the bytes read, and the peak resident size in MB of a process. */
function usage(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /, '')
      .split(' ')
    const read = Number(/^rchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1])
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const rss = Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1]) / 1_000
    return { cpuMs: (Number(fields[11]) + Number(fields[12])) * 10, read, rss }
  } catch {
    return { cpuMs: Number.NaN, read: Number.NaN, rss: Number.NaN }
  }
}

const mib = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`

async function scrapes(pid) {
  const times = []
  const before = usage(pid)
  for (let run = 0; run < SCRAPES; run++) {
    const begun = performance.now()
    await (await ask('/metrics')).ended
    times.push(performance.now() - begun)
  }
  const after = usage(pid)
  times.sort((a, b) => a - b)
  say(`a scrape of /metrics with ${deaths} deaths`, `${percentile(times, 0.5).toFixed(1)} ms`)
  say('  processor time', `${((after.cpuMs - before.cpuMs) / SCRAPES).toFixed(1)} ms`)
  say('  read', mib((after.read - before.read) / SCRAPES))
}

async function followers(pid) {
  const [before, begun] = [usage(pid), performance.now()]
  const latencies = []
  const received = new Set()
  const all = await Promise.all(
    Array.from({ length: clients }, (_none, at) =>
      ask('/v1/events', (text) => {
        for (const [, sentAt] of text.matchAll(/"at":"?(\d+)/g)) {
          received.add(at)
          latencies.push(Date.now() - Number(sentAt))
        }
      }),
    ),
  )
  const event = () =>
    appendFileSync(
      records.lifecycleLog,
      `ts=${new Date().toISOString()} ev=bench at=${Date.now()} filler=${'x'.repeat(400)}\n`,
    )
  // Write events until every client has received one: a client that is still connecting may miss an event.
  while (received.size < clients) {
    event()
    await nap(20)
  }
  const ready = performance.now() - begun
  const connected = usage(pid)
  say(`${clients} clients follow 25 MiB of events after`, `${ready.toFixed(0)} ms`)
  say('  processor time', `${connected.cpuMs - before.cpuMs} ms`)
  say('  read', mib(connected.read - before.read))
  await nap(1_000)
  latencies.length = 0
  const from = usage(pid)
  for (let count = 0; count < EVENTS; count++) {
    event()
    await nap(EVERY_MS)
  }
  await nap(1_000)
  const to = usage(pid)
  latencies.sort((a, b) => a - b)
  say('events that arrived', `${latencies.length} of ${EVENTS * clients}`)
  say('  latency', `p50 ${percentile(latencies, 0.5)} ms, p99 ${percentile(latencies, 0.99)} ms`)
  say('  processor time for each event', `${((to.cpuMs - from.cpuMs) / EVENTS).toFixed(1)} ms`)
  say('memory (largest)', `${to.rss.toFixed(0)} MB`)
  for (const { sent } of all) sent.destroy()
  return latencies.length === EVENTS * clients
}

let daemon
try {
  for (const path of [records.deathsDir, lifecycleStateDir]) mkdirSync(path, { recursive: true, mode: 0o700 })
  recordDeaths()
  writeEvents()
  const env = { PATH: process.env.PATH, HOME: directory, IAPEER_ROOT: root, IAPEER_TICK_SECS: '3600' }
  daemon = spawn(process.execPath, [MAIN, '--foreground', '--report'], {
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  await new Promise((resolve) => daemon.stdout.once('data', resolve))
  // Wait until the first tick is over.
  await nap(3_000)
  await scrapes(daemon.pid)
  process.exitCode = (await followers(daemon.pid)) ? 0 : 1
} finally {
  const ended = new Promise((resolve) => daemon?.once('exit', resolve) ?? resolve())
  daemon?.kill('SIGTERM')
  await ended
  rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
}
