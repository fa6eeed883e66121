import { type CanaryInfo, listCanaries } from '@iapeer/canary'
import { mapLimit } from '@iapeer/core/async'
import { isIapeerError } from '@iapeer/core/errors'
import { iapeerRoot } from '@iapeer/core/paths'
import { identifyProcess } from '@iapeer/core/process'
import { fleetView, type PeerView } from '@iapeer/lifecycle/fleet'
import { listKeptWatches } from '@iapeer/lifecycle/supervise'
import { TmuxServer, type Unreachable } from '@iapeer/tmux'
import { EXIT, explain } from '../../exit-code.ts'
import { localTime, paint, print } from '../../output.ts'
import { table } from '../../table.ts'
import { readDeaths, recordLocation, settleDeaths } from '../deaths/death-records.ts'
import { restartText } from '../peers/state-text.ts'

const GUIDE = `There are no peers yet, and nothing is watched. iapeer starts agents in tmux, and records why they died.

  iapeer create NAME   create a peer
  iapeer watch         watch the tmux server that you are in; it is not changed
  iapeer watch --keep  the same, and again after that server was restarted
  iapeer deaths        list recorded deaths
  iapeer autopsy NAME  explain a death
  iapeer demo          see a demo on real tmux servers
  iapeer --help        list all commands`

/** How many servers are asked at a time. */
const AT_ONCE = 8

/** The glyph and the words for each state of a recorder. */
const RECORDER_STATES = {
  armed: [paint('green', '●'), 'watched'],
  dismissed: [paint('dim', '○'), 'no longer watched'],
  lost: [paint('red', '!'), 'not watched: its recorder died'],
  ended: [paint('dim', '○'), 'exited'],
  unknown: [paint('yellow', '?'), 'unknown'],
} as const satisfies Record<CanaryInfo['state'], readonly [glyph: string, words: string]>

/** Returns why clients do not reach a watched server that runs, and what to do; undefined if they do. */
async function lostSocket({ state, serverPid, socketPath }: CanaryInfo): Promise<Unreachable | undefined> {
  const server = state === 'ended' ? undefined : await identifyProcess(serverPid)
  return server && new TmuxServer({ socketPath, process: server }).unreachable()
}

/** Prints each running server that clients do not reach, with the command that helps. */
async function printUnreachable(canaries: readonly CanaryInfo[]): Promise<void> {
  const lost = await mapLimit(canaries, AT_ONCE, lostSocket)
  for (const [at, { identity, serverPid }] of canaries.entries()) {
    const one = lost[at]
    if (one === undefined) continue
    print(`${paint('red', '!')} the tmux server of ${identity} runs (pid ${serverPid}), but ${one.what}`)
    print(`  ${one.fix}`)
  }
}

const row = (canary: CanaryInfo, kept: boolean): string[] => [
  `${RECORDER_STATES[canary.state][0]} ${canary.identity}`,
  RECORDER_STATES[canary.state][1],
  `tmux server ${canary.serverPid}`,
  `${canary.socketPath}${kept ? '  (kept)' : ''}`,
]

/** Reads the peers; if the registry cannot be read, prints the error and goes on, so that deaths are printed anyway. */
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

/** Prints the number of peers, and each peer whose start is planned. */
function printPeers(peers: readonly PeerView[]): void {
  print(`${peers.length} peer${peers.length === 1 ? '' : 's'}: iapeer list`)
  for (const peer of peers)
    if (peer.nextStartAt !== undefined) print(`  ${peer.personality} is ${restartText(peer.nextStartAt)}`)
}

/** Prints the peers, the watched servers and the last death; a short guide if there are none. */
export async function overview(): Promise<void> {
  await settleDeaths()
  const peers = await readPeers()
  const [canaries, kept, deaths] = await Promise.all([
    listCanaries(recordLocation()),
    listKeptWatches(iapeerRoot()),
    readDeaths(),
  ])
  const keptNames = new Set(kept.map((watch) => watch.identity))
  const unwatched = kept.filter((watch) => !canaries.some((canary) => canary.identity === watch.identity))
  if (peers.length > 0) printPeers(peers)
  if (canaries.length === 0 && kept.length === 0 && deaths.length === 0) {
    if (peers.length === 0) print(GUIDE)
    return
  }
  const rows = canaries.map((canary) => row(canary, keptNames.has(canary.identity)))
  rows.push(
    ...unwatched.map((watch) => [
      `${paint('dim', '○')} ${watch.identity}`,
      'not running',
      '',
      `${watch.socketPath}  (kept)`,
    ]),
  )
  if (rows.length > 0) print(table(rows))
  await printUnreachable(canaries)
  const last = deaths.at(-1)
  if (last === undefined) return print('no deaths recorded')
  print(
    `${rows.length > 0 ? '\n' : ''}${deaths.length} death${deaths.length === 1 ? '' : 's'} recorded; the last: ${last.identity} at ${localTime(last.ts)}`,
  )
  print(`  iapeer autopsy ${last.identity}`)
}
