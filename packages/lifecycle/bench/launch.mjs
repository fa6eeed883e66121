// Compares launch, teardown and list with the same steps in plain tmux commands, in one run.
//   pnpm --filter @iapeer/lifecycle bench
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createPeer, listPeers } from '@iapeer/core/registry'
import { launchPeer, statusOf, stopPeer } from '../dist/index.js'

const exec = promisify(execFile)
const ROUNDS = 20
const PEERS = 100
const directory = mkdtempSync(join(tmpdir(), 'iapb-'))
const root = join(directory, 'root')
const cli = new URL('../../../apps/cli/dist/main.js', import.meta.url).pathname
const env = { ...process.env, IAPEER_ROOT: root, TMUX: '' }

async function timed(act) {
  const started = performance.now()
  await act()
  return performance.now() - started
}

async function median(rounds, act) {
  const times = []
  for (let round = 0; round < rounds; round++) times.push(await act(round))
  return times.sort((a, b) => a - b)[rounds >> 1]
}

const row = (name, ours, plain) =>
  console.log(
    name.padEnd(34),
    ours.toFixed(0).padStart(5),
    plain.toFixed(0).padStart(6),
    (ours / plain).toFixed(1).padStart(6),
  )

try {
  const entry = await createPeer(root, {
    personality: 'bob',
    defaultRuntime: 'command',
    command: ['sleep', '1000'],
  })
  const stops = []
  const launch = await median(ROUNDS, async () => {
    const ms = await timed(() => launchPeer(root, entry))
    stops.push(await timed(() => stopPeer(root, 'command-bob', { by: 'bench' })))
    return ms
  })
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
  const list = await median(5, () => timed(() => exec(process.execPath, [cli, 'list'], { env })))
  const bare = await median(5, () => timed(() => exec(process.execPath, ['-e', '0'], { env })))
  const inside = await median(20, () =>
    timed(async () => {
      for (const peer of await listPeers(root)) await statusOf(root, `command-${peer.personality}`)
    }),
  )
  const middle = (list) => list.sort((a, b) => a - b)[list.length >> 1]
  console.log('median, ms                          ours  plain  ratio   (a launch includes a wait of 120 ms)')
  row('launch, inside a process', launch, plainLaunch)
  row('teardown, verified', middle(stops), middle(plainStops))
  row('iapeer start / bare node', cliStart, bare)
  row(`iapeer list, ${PEERS} peers / bare node`, list, bare)
  row(`states of ${PEERS} peers, in a process / 1`, inside, 1)
} finally {
  await stopPeer(root, 'command-bob', { by: 'bench' })
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
}
