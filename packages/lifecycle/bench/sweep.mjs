// Measures a sweep over 1,000 enrolled peers and compares it with one tmux and one pgrep call for each peer.
// Usage: node bench/sweep.mjs [peers=1000] [processes=3]; each agent is a process of its own, and all share one real tmux server. A real
// peer has three processes (server, recorder, agent): `processes` fills the table of processes, which a sweep reads in parts.
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
const processes = Number(process.argv[3] ?? 3) * peers
const ASKED = 10
const directory = mkdtempSync(join(tmpdir(), 'iaps-'))
const root = join(directory, 'r')
const socketPath = join(directory, 's')
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const report = (what, value) => process.stdout.write(`${what.padEnd(64)} ${value}\n`)
const mean = ({ sum, count }) => (sum / Math.max(1, count)) * 1_000

/** Starts the processes, and kills them when the standard input of the shell is closed. */
const LEADERS =
  'pids=; for n in $(seq "$0"); do sleep 100000 & pids="$pids $!"; echo $!; done; read -r _; kill $pids'
const shell = spawn('sh', ['-c', LEADERS, String(processes)], { stdio: ['pipe', 'pipe', 'ignore'] })
async function leadersOf(count) {
  let text = ''
  shell.stdout.on('data', (chunk) => {
    text += chunk
  })
  while (text.trimEnd().split('\n').length < processes) await sleep(20)
  return Promise.all(
    text
      .trimEnd()
      .split('\n')
      .slice(0, count)
      .map((pid) => identifyProcess(Number(pid))),
  )
}

const server = spawn('tmux', ['-S', socketPath, '-f', '/dev/null', '-D'], { stdio: 'ignore' })
const exited = new Promise((resolve) => server.once('exit', resolve))
let supervisor
// A reader such as `head` may close the output early: what was started is still ended below.
process.stdout.on('error', () => undefined)
try {
  for (let tries = 100; tries > 0; tries--) {
    const isRunning = await run('tmux', [
      '-N',
      '-S',
      socketPath,
      'new-session',
      '-d',
      'exec sleep 100000',
    ]).then(
      () => true,
      () => false,
    )
    if (isRunning) break
    await sleep(20)
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
  // The first tick reads every session, so it is not counted.
  while (supervisor.stats().tick.count < 1) await sleep(50)
  const first = supervisor.stats().tick
  while (supervisor.stats().tick.count < 3) await sleep(50)
  const last = supervisor.stats().tick
  const tick = mean({ sum: last.sum - first.sum, count: last.count - first.count })
  await supervisor.stop()
  supervisor = new FleetSupervisor(root, { env: { ...process.env, IAPEER_TICK_SECS: '100000' } })
  await supervisor.start()
  // Each agent is looked at twice; from then on only its files are checked.
  await sleep(15_000)
  const [before, from] = [supervisor.stats().sweep, process.cpuUsage()]
  await sleep(10_000)
  const [after, used] = [supervisor.stats().sweep, process.cpuUsage(from)]
  const sweeps = after.count - before.count
  const cpu = (used.user + used.system) / 1_000 / sweeps
  const started = performance.now()
  for (let at = 0; at < ASKED; at++) {
    await run('tmux', ['-S', socketPath, 'has-session', '-t', '=0'])
    await run('pgrep', ['-f', `no such peer ${at}`]).catch(() => undefined)
  }
  const asked = ((performance.now() - started) / ASKED) * peers
  report(
    `a sweep of ${peers} peers with ${processes} processes, processor time`,
    `${cpu.toFixed(1)} ms (mean of ${sweeps})`,
  )
  report('a sweep, wall time', `${(((after.sum - before.sum) / sweeps) * 1_000).toFixed(1)} ms`)
  report('a tick', `${tick.toFixed(0)} ms`)
  report('has-session and pgrep -f for each', `${asked.toFixed(0)} ms (from ${ASKED})`)
  report('ratio', `${(asked / cpu).toFixed(0)}`)
  report('memory (RSS)', `${Math.round(process.memoryUsage().rss / 2 ** 20)} MiB`)
} finally {
  await supervisor?.stop()
  server.kill('SIGKILL')
  shell.stdin.end()
  await exited
  rmSync(directory, { recursive: true, force: true })
}
