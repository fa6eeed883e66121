import { type CanaryInfo, listCanaries } from '@iapeer/canary'
import { isIapeerError } from '@iapeer/core/errors'
import { iapeerRoot } from '@iapeer/core/paths'
import { fleetView, type PeerView } from '@iapeer/lifecycle/fleet'
import { listKeptWatches } from '@iapeer/lifecycle/supervise'
import { EXIT, explain } from '../../exit-code.ts'
import { localTime, paint, print } from '../../output.ts'
import { table } from '../../table.ts'
import { readDeaths, recordLocation, settleDeaths } from '../deaths/bring-up-to-date.ts'
import { stateWords } from '../peers/state-words.ts'

const GUIDE = `There are no peers on this host yet, and nothing is watched. iapeer tells you why a tmux server died.

  iapeer create NAME   make a peer
  iapeer watch         watch the tmux server you are in; nothing on it is changed
  iapeer watch --keep  the same, and again whenever that server is restarted
  iapeer deaths        what died
  iapeer autopsy NAME  why it died
  iapeer demo          see it work in five seconds
  iapeer --help        everything else`

const GLYPH = {
  armed: paint('green', '●'),
  dismissed: paint('dim', '○'),
  lost: paint('red', '!'),
  ended: paint('dim', '✕'),
  unknown: paint('yellow', '?'),
} as const

const row = (canary: CanaryInfo, kept: boolean): string[] => [
  `${GLYPH[canary.state]} ${canary.identity}`,
  canary.state,
  `tmux server ${canary.serverPid}`,
  `${canary.socketPath}${kept ? '  (kept)' : ''}`,
]

/** A registry that cannot be read is told, and hides nothing else. */
async function readPeers(): Promise<readonly PeerView[]> {
  try {
    return await fleetView(iapeerRoot())
  } catch (error) {
    if (!isIapeerError(error)) throw error
    process.stderr.write(explain(error))
    process.exitCode = EXIT.failed
    return []
  }
}

/** How many, and who of them is about to start. */
function printPeers(peers: readonly PeerView[]): void {
  print(`${peers.length} peer${peers.length === 1 ? '' : 's'}: iapeer list`)
  for (const peer of peers)
    if (peer.nextStartAt !== undefined) print(`  ${peer.personality} is ${stateWords(peer)}`)
}

/** `iapeer` alone: the fleet as it is, or a short guide on an empty host. */
export async function overview(): Promise<void> {
  await settleDeaths()
  const peers = await readPeers()
  const [canaries, kept, deaths] = await Promise.all([
    listCanaries(recordLocation()),
    listKeptWatches(iapeerRoot()),
    readDeaths(),
  ])
  const keptNames = new Set(kept.map((watch) => watch.identity))
  const asleep = kept.filter((watch) => !canaries.some((canary) => canary.identity === watch.identity))
  if (peers.length > 0) printPeers(peers)
  if (canaries.length === 0 && kept.length === 0 && deaths.length === 0) {
    if (peers.length === 0) print(GUIDE)
    return
  }
  const rows = canaries.map((canary) => row(canary, keptNames.has(canary.identity)))
  rows.push(
    ...asleep.map((watch) => [
      `${paint('dim', '○')} ${watch.identity}`,
      'not running',
      '',
      `${watch.socketPath}  (kept)`,
    ]),
  )
  if (rows.length > 0) print(table(rows))
  const last = deaths.at(-1)
  if (last === undefined) return print('no deaths recorded')
  print(
    `${rows.length > 0 ? '\n' : ''}${deaths.length} death${deaths.length === 1 ? '' : 's'} recorded; the last: ${last.identity} at ${localTime(last.ts)}`,
  )
  print(`  iapeer autopsy ${last.identity}`)
}
