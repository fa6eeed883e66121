import { existsSync } from 'node:fs'
import { type CanaryInfo, listCanaries } from '@iapeer/canary'
import { listPeers } from '@iapeer/core/registry'
import { daemonStatus, serviceStatus, thisServiceSystem } from '@iapeer/host'
import { activeIdentities, fleetView, settleFleet } from '@iapeer/lifecycle/fleet'
import { isRunningState, listSessions, type PeerSession } from '@iapeer/lifecycle/sessions'
import { type KeptWatch, listKeptWatches } from '@iapeer/lifecycle/supervise'
import { recordLocation } from '../deaths/death-records.ts'
import { completionFiles } from './completion-files.ts'
import { inspectLauncher, type LauncherState, launcherPath } from './launcher.ts'
import { manPageLinks } from './man-pages.ts'

/** What iapeer runs and has installed for a root and this user. */
export interface Survey {
  /** The names of the peers that are running, are being launched, or whose start is planned. */
  readonly peers: readonly string[]
  readonly sessions: readonly PeerSession[]
  /** The recorders of tmux servers that iapeer did not start. */
  readonly watches: readonly CanaryInfo[]
  readonly keptWatches: readonly KeptWatch[]
  /** The homes of all registered peers. */
  readonly homes: readonly string[]
  readonly daemonPid: number | undefined
  /** The file of the service, and whether it belongs to this root: only then it is removed. */
  readonly service: { readonly path: string; readonly isOurs: boolean } | undefined
  readonly launcher: LauncherState & { readonly path: string }
  readonly completions: readonly string[]
  /** The links to its man pages. */
  readonly manPages: readonly string[]
}

async function surveyPeers(root: string) {
  if (!existsSync(root)) return { peers: [], sessions: [], watches: [], keptWatches: [], homes: [] }
  // A session that has ended and is not settled yet would count as running.
  await settleFleet(root)
  const active: ReadonlySet<string> = await activeIdentities(root)
  const fleet = await fleetView(root)
  const peers = fleet
    .filter(
      ({ state, runtimes, personality }) =>
        isRunningState(state) || runtimes.some((runtime) => active.has(`${runtime}-${personality}`)),
    )
    .map(({ personality }) => personality)
  return {
    peers,
    sessions: await listSessions(root),
    watches: (await listCanaries(recordLocation())).filter(({ mode }) => mode === 'watch'),
    keptWatches: await listKeptWatches(root),
    homes: (await listPeers(root)).map(({ home }) => home),
  }
}

/** Returns what iapeer runs and has installed. Settles sessions that have ended, as reporting commands do. */
export async function survey(root: string): Promise<Survey> {
  const { installed, foreign, otherRoot, path } = await serviceStatus(root, thisServiceSystem())
  const daemon = await daemonStatus(root)
  return {
    ...(await surveyPeers(root)),
    daemonPid: daemon.state === 'stopped' ? undefined : daemon.pid,
    service: installed || foreign || otherRoot !== undefined ? { path, isOurs: installed } : undefined,
    launcher: { path: launcherPath(), ...(await inspectLauncher(launcherPath())) },
    completions: await completionFiles(),
    manPages: await manPageLinks(),
  }
}
