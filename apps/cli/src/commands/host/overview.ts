import { type CanaryInfo, listCanaries } from '@iapeer/canary'
import { mapLimit } from '@iapeer/core/async'
import { isIapeerError } from '@iapeer/core/errors'
import { iapeerRoot } from '@iapeer/core/paths'
import { identifyProcess } from '@iapeer/core/process'
import type { ExitRecord } from '@iapeer/forensics'
import { fleetView, type PeerView } from '@iapeer/lifecycle/fleet'
import { listKeptWatches } from '@iapeer/lifecycle/supervise'
import { TmuxServer, type Unreachable } from '@iapeer/tmux'
import { EXIT, explain } from '../../exit-code.ts'
import { paint, print } from '../../output.ts'
import { firstFitting, table, tableWidth } from '../../table.ts'
import { type TimeOptions, timeText } from '../../times.ts'
import { wrapLines } from '../../wrap.ts'
import { readDeaths, recordLocation, settleDeaths } from '../deaths/death-records.ts'
import { reportRecordingProblem } from '../deaths/recording-problem.ts'
import { homeShort } from '../peers/peer-table.ts'
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

/** A tmux server that is watched, or that is to be watched whenever it runs. */
interface WatchView {
  readonly identity: string
  /** `not-running`: it is kept, and its server does not run. */
  readonly state: CanaryInfo['state'] | 'not-running'
  readonly serverPid?: number
  readonly socketPath: string
  readonly kept: boolean
  /** Why clients do not reach its server, which runs, and what to do. */
  readonly unreachable?: Unreachable | undefined
}

const NOT_RUNNING = [paint('dim', '○'), 'not running'] as const

/** Yields the forms of the table of watches, the widest first. */
function* watchTables(watches: readonly WatchView[]): Generator<string> {
  const rows = (...more: readonly ((watch: WatchView) => string)[]): string =>
    table(
      watches.map((watch) => {
        const [glyph, words] = watch.state === 'not-running' ? NOT_RUNNING : RECORDER_STATES[watch.state]
        const state = more.length === 0 && watch.kept ? `${words} (kept)` : words
        return [`${glyph} ${watch.identity}`, state, ...more.map((cell) => cell(watch))]
      }),
    )
  const server = ({ serverPid }: WatchView): string =>
    serverPid === undefined ? '' : `tmux server ${serverPid}`
  const kept = (watch: WatchView): string => (watch.kept ? '  (kept)' : '')
  yield rows(server, (watch) => homeShort(watch.socketPath) + kept(watch))
  yield rows((watch) => homeShort(watch.socketPath) + kept(watch))
  yield rows()
}

/** Returns why clients do not reach a watched server that runs, and what to do; undefined if they do. */
async function lostSocket({ state, serverPid, socketPath }: CanaryInfo): Promise<Unreachable | undefined> {
  const server = state === 'ended' ? undefined : await identifyProcess(serverPid)
  return server && new TmuxServer({ socketPath, process: server }).unreachable()
}

/** Prints each running server that clients do not reach, with the command that helps. */
function printUnreachable(watches: readonly WatchView[]): void {
  for (const { identity, serverPid, unreachable } of watches) {
    if (unreachable === undefined) continue
    const what = `the tmux server of ${identity} runs (pid ${serverPid}), but ${unreachable.what}`
    print(`${paint('red', '!')} ${wrapLines(what)}`)
    print(`  ${unreachable.fix}`)
  }
}

async function readWatches(): Promise<WatchView[]> {
  const [canaries, kept] = await Promise.all([listCanaries(recordLocation()), listKeptWatches(iapeerRoot())])
  const keptNames = new Set<string>(kept.map(({ identity }) => identity))
  const lost = await mapLimit(canaries, AT_ONCE, lostSocket)
  const unwatched = kept.filter((watch) => !canaries.some(({ identity }) => identity === watch.identity))
  return [
    ...canaries.map(({ identity, state, serverPid, socketPath }, at) => {
      const kept = keptNames.has(identity)
      return { identity, state, serverPid, socketPath, kept, unreachable: lost[at] }
    }),
    ...unwatched.map(
      ({ identity, socketPath }) => ({ identity, state: 'not-running', socketPath, kept: true }) as const,
    ),
  ]
}

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
  for (const { personality, awaitsDaemon, nextStartAt } of peers)
    if (awaitsDaemon === true)
      print(`  ${personality} is not restarted, because no daemon is running: iapeer daemon start`)
    else if (nextStartAt !== undefined) print(`  ${personality} is ${restartText(nextStartAt)}`)
}

/** What a fleet has: its peers, the watched servers, and the deaths. */
export interface Overview {
  readonly peers: readonly PeerView[]
  readonly watches: readonly WatchView[]
  readonly deaths: readonly ExitRecord[]
}

/** Settles what has ended, and reads the overview. */
export async function readOverview(): Promise<Overview> {
  await settleDeaths()
  const peers = await readPeers()
  await reportRecordingProblem()
  const [watches, deaths] = await Promise.all([readWatches(), readDeaths()])
  return { peers, watches, deaths }
}

/** Prints the peers, the watched servers and the last death; a short guide if there are none. */
export function printOverview({ peers, watches, deaths }: Overview, times: TimeOptions = {}): void {
  if (peers.length > 0) printPeers(peers)
  if (watches.length === 0 && deaths.length === 0) {
    if (peers.length === 0) print(wrapLines(GUIDE))
    return
  }
  if (watches.length > 0) print(firstFitting(watchTables(watches), tableWidth()))
  printUnreachable(watches)
  const last = deaths.at(-1)
  if (last === undefined) print('no deaths recorded')
  else {
    const count = `${deaths.length} death${deaths.length === 1 ? '' : 's'} recorded`
    const text = `${count}; the last: ${last.identity}, ${timeText(last.ts, times)}`
    print(wrapLines(`${watches.length > 0 ? '\n' : ''}${text}`))
    print(`  iapeer autopsy ${last.identity}`)
  }
}
