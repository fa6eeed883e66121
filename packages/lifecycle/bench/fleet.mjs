// Measures a fleet of real peers under one supervisor: starting, supervising and losing them.
// Usage: node bench/fleet.mjs [peers=300] [killed=30]; exits with code 1 if a death is missing or recorded twice.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPeer, updatePeer } from '@iapeer/core/registry'
import { FleetSupervisor, launchPeer, listSessions, stopPeer } from '../dist/index.js'

const peers = Number(process.argv[2] ?? 300)
const killed = Number(process.argv[3] ?? 30)
const CONCURRENCY = 8
const directory = mkdtempSync(join(tmpdir(), 'iapf-'))
const root = join(directory, 'r')
const name = (at) => `p${at}`

async function each(list, act) {
  const remaining = list.values()
  await Promise.all(
    Array.from({ length: CONCURRENCY }, async () => {
      for (const one of remaining) await act(one)
    }),
  )
}

async function until(what, look, limitMs) {
  const end = performance.now() + limitMs
  while (!(await look())) {
    if (performance.now() > end) throw new Error(`not within ${limitMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

function lines() {
  const log = join(root, 'logs', 'iapeer', 'exits.log')
  return existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n') : []
}
const report = (what, value) => process.stdout.write(`${what.padEnd(52)} ${value}\n`)
const mean = ({ sum, count }) => `${((sum / Math.max(1, count)) * 1000).toFixed(2)} ms (mean of ${count})`

const env = { ...process.env, IAPEER_TICK_SECS: '5', IAPEER_LAUNCH_PARALLEL: String(CONCURRENCY) }
const supervisor = new FleetSupervisor(root, {
  env,
  random: () => 0,
  onError: (what, error) => console.error(what, error),
})
try {
  const entries = []
  for (let at = 0; at < peers; at++) {
    const command = ['sleep', '100000']
    entries.push(await createPeer(root, { personality: name(at), defaultRuntime: 'command', command }))
    if (at < killed) await updatePeer(root, name(at), { wakePolicy: 'keep-alive' })
  }
  const from = performance.now()
  await each(entries, (entry) => launchPeer(root, entry, { env, timeoutMs: 60_000 }))
  report(
    `${peers} peers started, ${CONCURRENCY} at a time`,
    `${((performance.now() - from) / 1000).toFixed(1)} s`,
  )

  await supervisor.start()
  await until('three ticks', () => supervisor.stats().tick.count >= 3, 120_000)
  const cpu = process.cpuUsage()
  const sweeps = supervisor.stats().sweep.count
  await new Promise((resolve) => setTimeout(resolve, 15_000))
  const used = process.cpuUsage(cpu)
  report(
    'processor time of supervision, of one core',
    `${((used.user + used.system) / 150_000).toFixed(2)} %`,
  )
  report('a sweep', mean(supervisor.stats().sweep))
  report('a tick', mean(supervisor.stats().tick))
  report('sweeps in that time', String(supervisor.stats().sweep.count - sweeps))

  const victims = (await listSessions(root)).filter(({ identity }) => Number(identity.slice(9)) < killed)
  const at = performance.now()
  for (const [index, { leader, server }] of victims.entries())
    process.kill(index % 2 === 0 ? leader.pid : server.pid, ['SIGKILL', 'SIGTERM', 'SIGSEGV'][index % 3])
  await until('every death to be recorded', () => lines().length >= victims.length, 60_000)
  report(
    `${victims.length} killed at once: all recorded after`,
    `${((performance.now() - at) / 1000).toFixed(2)} s`,
  )
  const before = new Map(victims.map(({ identity, gen }) => [identity, gen]))
  await until(
    'all to run again',
    async () => {
      const now = new Map((await listSessions(root)).map(({ identity, gen }) => [identity, gen]))
      return [...before].every(([identity, gen]) => now.has(identity) && now.get(identity) !== gen)
    },
    120_000,
  )
  report('all running again after', `${((performance.now() - at) / 1000).toFixed(2)} s`)
  const ids = lines().map((line) => /identity=(\S+) gen=(\S+)/.exec(line)?.slice(1).join('-'))
  report('records, and different records', `${ids.length}, ${new Set(ids).size}`)
  if (ids.length !== victims.length || new Set(ids).size !== ids.length) process.exitCode = 1
  report('from a death until it is settled', mean(supervisor.stats().record))
} finally {
  await supervisor.stop()
  await each(await listSessions(root), ({ identity }) =>
    stopPeer(root, identity, { by: 'the bench', graceMs: 500 }),
  )
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
}
