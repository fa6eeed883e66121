// Measures a sweep and a tick over enrolled peers, and compares them with one tmux and one pgrep call for each peer.
// Usage: node bench/sweep.mjs [--json] [peers=1000] [processes=3] [settleSecs=15] [measureSecs=10]; `peers` can be a list: 10,100,1000.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { Results, readArguments } from '@iapeer/dev/bench'
import { FleetSupervisor } from '../dist/index.js'
import { enrolFleet } from './enrolled-fleet.mjs'

const run = promisify(execFile)
const { words } = readArguments()
const sizes = (words[0] ?? '1000').split(',').map(Number)
const [processes = 3, settleSecs = 15, measureSecs = 10] = words.slice(1).map(Number)
/** How many peers the per-peer shape is asked for; its cost is in proportion. */
const ASKED = 20
/** Often enough for a few ticks in the measured time, seldom enough for sweeps in between. */
const TICK_SECS = 2
const results = new Results()
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** Returns what a supervisor does in the measured time: sweeps, ticks, their wall times, and the processor time, in milliseconds. */
async function supervise(root, tickSecs) {
  const supervisor = new FleetSupervisor(root, {
    env: { ...process.env, IAPEER_TICK_SECS: String(tickSecs) },
    onError: (what, error) => console.error(what, error),
  })
  await supervisor.start()
  try {
    // Each agent is looked at twice; from then on only its files are checked.
    await sleep(settleSecs * 1_000)
    const [before, from] = [supervisor.stats(), process.cpuUsage()]
    await sleep(measureSecs * 1_000)
    const [after, used] = [supervisor.stats(), process.cpuUsage(from)]
    const wallMs = (kind) => (after[kind].sum - before[kind].sum) * 1_000
    const count = (kind) => after[kind].count - before[kind].count
    return {
      cpuMs: (used.user + used.system) / 1_000,
      sweeps: count('sweep'),
      ticks: count('tick'),
      sweepWallMs: wallMs('sweep') / count('sweep'),
      tickWallMs: wallMs('tick') / count('tick'),
    }
  } finally {
    await supervisor.stop()
  }
}

/** Returns the processor time of a process in milliseconds (proc_pid_stat(5)): its own, or of the children that it has waited for. */
function processorMs(pid, whose) {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const numbers = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [user, system] = whose === 'own' ? numbers.slice(11, 13) : numbers.slice(13, 15)
  return (Number(user) + Number(system)) * 10
}

/** Returns the processor time of one command for each peer, in milliseconds; that of the tmux server is included. */
async function askEach(fleet, peers, argvOf) {
  const spent = () => processorMs(process.pid, 'children') + processorMs(fleet.serverPid, 'own')
  const [from, fromWall] = [spent(), performance.now()]
  for (let at = 0; at < ASKED; at++) {
    const [file, ...args] = argvOf(at)
    await run(file, args).catch((error) => {
      if (error.code !== 1) throw error
    })
  }
  return {
    cpuMs: ((spent() - from) / ASKED) * peers,
    wallMs: ((performance.now() - fromWall) / ASKED) * peers,
  }
}

async function measure(peers) {
  const fleet = await enrolFleet(peers, processes)
  try {
    const quiet = await supervise(fleet.root, 100_000)
    const sweepMs = quiet.cpuMs / quiet.sweeps
    const ticking = await supervise(fleet.root, TICK_SECS)
    const tickMs = (ticking.cpuMs - ticking.sweeps * sweepMs) / ticking.ticks
    const hasSession = await askEach(fleet, peers, () => [
      'tmux',
      '-S',
      fleet.socketPath,
      'has-session',
      '-t',
      '=0',
    ])
    const pgrep = await askEach(fleet, peers, (at) => ['pgrep', '-f', `no such peer ${at}`])
    return { peers, quiet, ticking, sweepMs, tickMs, hasSession, pgrep }
  } finally {
    await fleet.remove()
  }
}

function report({ peers, quiet, ticking, sweepMs, tickMs, hasSession, pgrep }) {
  const beside = { what: 'has-session and pgrep for each peer', value: hasSession.cpuMs + pgrep.cpuMs }
  const cpu = (id, what, value, compared) =>
    results.figure(`${id}-${peers}`, { what: `${what}, ${peers} peers`, value, unit: 'ms', ...compared })
  cpu('sweep.cpu', 'sweep, processor time', sweepMs, { beside, count: quiet.sweeps })
  cpu('tick.cpu', 'tick, processor time', tickMs, { beside, count: ticking.ticks })
  const wall = { what: 'has-session and pgrep for each peer', value: hasSession.wallMs + pgrep.wallMs }
  cpu('sweep.wall', 'sweep, wall time', quiet.sweepWallMs, { beside: wall, count: quiet.sweeps })
  cpu('tick.wall', 'tick, wall time', ticking.tickWallMs, { beside: wall, count: ticking.ticks })
}

const measured = []
for (const peers of sizes) {
  const found = await measure(peers)
  measured.push(found)
  report(found)
}
const points = (value) => measured.map((one) => [one.peers, value(one)])
results.series('growth.sweep', { what: 'sweep', points: points(({ sweepMs }) => sweepMs) })
results.series('growth.tick', { what: 'tick', points: points(({ tickMs }) => tickMs) })
results.series('growth.has-session', {
  what: 'has-session for each peer',
  points: points(({ hasSession }) => hasSession.cpuMs),
})
results.series('growth.pgrep', { what: 'pgrep for each peer', points: points(({ pgrep }) => pgrep.cpuMs) })
results.note(
  `The peers are enrolled sessions whose agents are processes of their own, ${processes} processes for each peer, and share one tmux server, so that 1,000 fit on one machine.`,
)
results.note(
  `The processor time of a tick is what a supervisor with a tick every ${TICK_SECS} s used above the measured cost of its sweeps, so it includes the jobs that a tick starts. The per-peer shape was asked for ${ASKED} peers, and is in proportion; its processor time is that of the started programs and of the tmux server.`,
)
results.print()
