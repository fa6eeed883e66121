// Compares launch, teardown and list with the same steps in plain tmux commands, in one run.
//   node bench/launch.mjs [--json] [rounds=20] [peers=100]
import { execFile } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createPeer, listPeers } from '@iapeer/core/registry'
import { median as middle, Results, readArguments } from '@iapeer/dev/bench'
import { launchPeer, statusOf, stopPeer } from '../dist/index.js'

const exec = promisify(execFile)
const [ROUNDS = 20, PEERS = 100] = readArguments().words.map(Number)
const results = new Results()
const directory = mkdtempSync(join(tmpdir(), 'iapb-'))
const root = join(directory, 'root')
const cli = new URL('../../../apps/cli/dist/main.js', import.meta.url).pathname
const env = { ...process.env, IAPEER_ROOT: root, IAPEER_DAEMON_AUTOSTART: 'off', TMUX: '' }

async function timed(act) {
  const started = performance.now()
  await act()
  return performance.now() - started
}

async function median(rounds, act) {
  const times = []
  for (let round = 0; round < rounds; round++) times.push(await act(round))
  return middle(times)
}

/** Waits until the recorder of the stopped peer has exited: a launch waits for it, too. */
async function guardIsGone() {
  const canary = join(root, 'state', 'canary')
  for (const end = performance.now() + 10_000; existsSync(canary) && readdirSync(canary).length > 0; ) {
    if (performance.now() > end) throw new Error(`files are left in ${canary}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** Notes how long each launch watched the first moments of its program, in milliseconds. */
const watched = []
let watchedFrom = 0
const FIRST_MOMENTS = 'tracing:iapeer.launch.first-moments'
const begin = () => {
  watchedFrom = performance.now()
}
const end = () => watched.push(performance.now() - watchedFrom)

try {
  const entry = await createPeer(root, {
    personality: 'bob',
    defaultRuntime: 'command',
    command: ['sleep', '1000'],
  })
  const stops = []
  const launches = []
  subscribe(`${FIRST_MOMENTS}:start`, begin)
  subscribe(`${FIRST_MOMENTS}:asyncStart`, end)
  for (let round = 0; round < ROUNDS; round++) {
    launches.push(await timed(() => launchPeer(root, entry)))
    stops.push(await timed(() => stopPeer(root, 'command-bob', { by: 'bench' })))
    await guardIsGone()
  }
  unsubscribe(`${FIRST_MOMENTS}:start`, begin)
  unsubscribe(`${FIRST_MOMENTS}:asyncStart`, end)
  const relaunches = []
  for (let round = 0; round < ROUNDS; round++) {
    relaunches.push(await timed(() => launchPeer(root, entry)))
    await stopPeer(root, 'command-bob', { by: 'bench' })
  }
  const plainStops = []
  // One socket per round: otherwise a server might start while the previous one still exits.
  const plainLaunch = await median(ROUNDS, async (round) => {
    const socket = join(directory, `s${round}`)
    const ms = await timed(() =>
      exec('tmux', ['-S', socket, '-f', '/dev/null', 'new-session', '-d', 'sleep 1000'], { env }),
    )
    plainStops.push(await timed(() => exec('tmux', ['-S', socket, 'kill-server'], { env })))
    return ms
  })
  const cliStart = await median(5, async () => {
    const ms = await timed(() => exec(process.execPath, [cli, 'start', 'bob'], { env }))
    await exec(process.execPath, [cli, 'stop', 'bob'], { env })
    return ms
  })
  for (let at = 0; at < PEERS - 1; at++)
    await createPeer(root, { personality: `p${at}`, defaultRuntime: 'command', command: ['sleep', '1000'] })
  const bare = await median(5, () => timed(() => exec(process.execPath, ['-e', '0'], { env })))
  const inside = await median(20, () =>
    timed(async () => {
      for (const peer of await listPeers(root)) await statusOf(root, `command-${peer.personality}`)
    }),
  )
  const report = (id, what, value, beside) =>
    results.figure(id, { what, value, unit: 'ms', beside, count: ROUNDS })
  const plain = { what: 'tmux new-session -d', value: plainLaunch }
  report('launch.with-wait', 'launch of a command peer in process, median', middle(launches), plain)
  if (watched.length === ROUNDS) {
    const without = launches.map((ms, at) => ms - watched[at])
    report('launch.without-wait', 'the same, without the watch of its first moments', middle(without), plain)
    report('launch.wait', 'the watch of its first moments', middle(watched))
  } else
    results.skip('launch.without-wait', {
      what: 'the same, without the watch of its first moments',
      why: `no ${FIRST_MOMENTS} was published`,
    })
  // The first of them follows no stop.
  report('launch.after-stop', 'launch right after a stop, median', middle(relaunches.slice(1)), plain)
  report('launch.stop', 'stop, verified, median', middle(stops), {
    what: 'tmux kill-server, not verified',
    value: middle(plainStops),
  })
  const node = { what: 'node -e 0', value: bare }
  results.figure('launch.cli', {
    what: 'iapeer start without the daemon, median',
    value: cliStart,
    unit: 'ms',
    beside: node,
    count: 5,
  })
  report('launch.states', `states of ${PEERS} peers, in process`, inside)
  results.print()
} finally {
  await stopPeer(root, 'command-bob', { by: 'bench' })
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
}
