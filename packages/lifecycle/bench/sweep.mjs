// What looking at 1,000 enrolled peers costs, beside asking tmux and pgrep about each.
// Usage: node bench/sweep.mjs [peers=1000]; each peer's agent is a process of its own, their server one real tmux server.
import { execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { identifyProcess } from '@iapeer/core/process'
import { createPeer } from '@iapeer/core/registry'
import { FleetSupervisor } from '../dist/index.js'

const run = promisify(execFile)
const peers = Number(process.argv[2] ?? 1_000)
const ASKED = 10
const directory = mkdtempSync(join(tmpdir(), 'iaps-'))
const root = join(directory, 'r')
const socketPath = join(directory, 's')
const nap = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const say = (what, value) => process.stdout.write(`${what.padEnd(52)} ${value}\n`)
const mean = ({ sum, count }) => (sum / Math.max(1, count)) * 1_000

/** As many processes as there are peers; they end with the shell that has started them. */
const LEADERS =
  'pids=; for n in $(seq "$0"); do sleep 100000 & pids="$pids $!"; echo $!; done; read -r _; kill $pids'
const shell = spawn('sh', ['-c', LEADERS, String(peers)], { stdio: ['pipe', 'pipe', 'ignore'] })
async function leadersOf(count) {
  let text = ''
  shell.stdout.on('data', (chunk) => {
    text += chunk
  })
  while (text.trimEnd().split('\n').length < count) await nap(20)
  return Promise.all(
    text
      .trimEnd()
      .split('\n')
      .map((pid) => identifyProcess(Number(pid))),
  )
}

const server = spawn('tmux', ['-S', socketPath, '-f', '/dev/null', '-D'], { stdio: 'ignore' })
const ended = new Promise((resolve) => server.once('exit', resolve))
let supervisor
try {
  for (let left = 100; left > 0; left--) {
    const up = await run('tmux', ['-N', '-S', socketPath, 'new-session', '-d', 'exec sleep 100000']).then(
      () => true,
      () => false,
    )
    if (up) break
    await nap(20)
  }
  const serverId = await identifyProcess(server.pid)
  const leaders = await leadersOf(peers)
  const state = join(root, 'state', 'lifecycle')
  mkdirSync(state, { recursive: true, mode: 0o700 })
  for (let at = 0; at < peers; at++) {
    const personality = `p${at}`
    await createPeer(root, { personality, defaultRuntime: 'command', command: ['sleep', '100000'] })
    const startedAt = new Date().toISOString()
    const session = {
      schemaVersion: 1,
      identity: `command-${personality}`,
      socketPath,
      server: `${serverId.pid}:${serverId.token}`,
      leader: `${leaders[at].pid}:${leaders[at].token}`,
      sessionId: '$0',
      paneId: '%0',
      startedAt,
      readyAt: startedAt,
    }
    writeFileSync(join(state, `command-${personality}.session`), JSON.stringify(session), { mode: 0o600 })
  }
  supervisor = new FleetSupervisor(root, {
    env: { ...process.env, IAPEER_TICK_SECS: '5' },
    onError: (what, error) => console.error(what, error),
  })
  await supervisor.start()
  // The first one reads every session.
  while (supervisor.stats().tick.count < 1) await nap(50)
  const first = supervisor.stats().tick
  while (supervisor.stats().tick.count < 3) await nap(50)
  const last = supervisor.stats().tick
  const tick = mean({ sum: last.sum - first.sum, count: last.count - first.count })
  await supervisor.stop()
  supervisor = new FleetSupervisor(root, { env: { ...process.env, IAPEER_TICK_SECS: '100000' } })
  await supervisor.start()
  await nap(3_000)
  const [before, from] = [supervisor.stats().sweep, process.cpuUsage()]
  await nap(10_000)
  const [after, used] = [supervisor.stats().sweep, process.cpuUsage(from)]
  const sweeps = after.count - before.count
  const cpu = (used.user + used.system) / 1_000 / sweeps
  const started = performance.now()
  for (let at = 0; at < ASKED; at++) {
    await run('tmux', ['-S', socketPath, 'has-session', '-t', '=0'])
    await run('pgrep', ['-f', `no such peer ${at}`]).catch(() => undefined)
  }
  const asked = ((performance.now() - started) / ASKED) * peers
  say(`a sweep of ${peers} peers, processor time`, `${cpu.toFixed(1)} ms (mean of ${sweeps})`)
  say('a sweep, wall time', `${(((after.sum - before.sum) / sweeps) * 1_000).toFixed(1)} ms`)
  say('a tick', `${tick.toFixed(0)} ms`)
  say('has-session and pgrep -f for each', `${asked.toFixed(0)} ms (from ${ASKED})`)
  say('ratio', `${(asked / cpu).toFixed(0)}`)
  say('memory (RSS)', `${Math.round(process.memoryUsage().rss / 2 ** 20)} MiB`)
} finally {
  await supervisor?.stop()
  server.kill('SIGKILL')
  shell.stdin.end()
  await ended
  rmSync(directory, { recursive: true, force: true })
}
