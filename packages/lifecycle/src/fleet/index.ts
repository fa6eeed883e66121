export {
  type Outcome,
  type RenewRequest,
  refreshNamed,
  releaseStartsOf,
  renewNamed,
  resetNamed,
  type StopRequest,
  type StopView,
  stopNamed,
  wakeNamed,
} from './actions.ts'
export { activeIdentities } from './active-identities.ts'
export { compactNamed, finishOwnTask, interruptNamed, ownSession } from './control.ts'
export { fleetStatus, type LastDeath, type PeerStatusView, peerStatus } from './fleet-status.ts'
export type { LaunchView } from './launch-view.ts'
export { type NamedPeer, peerEntryNamed, peerNamed, presentIdentity, runningOf } from './named.ts'
export { fleetView, type PeerView, peerFields, peerView, type UsageView } from './peer-view.ts'
export { preloadFleet } from './preload.ts'
export { recordingProblem } from './recording-problem.ts'
export { type RemovedPeer, type RemoveOptions, removeNamed } from './remove.ts'
export { finishRename, type Renamed, renameNamed, unfinishedRename } from './rename.ts'
export { type RunOptions, type RunResult, runPeer } from './run-peer.ts'
export { settleFleet } from './settle-fleet.ts'
export {
  compareShown,
  deathsText,
  exitText,
  SHOWN_STATES,
  type ShownState,
  type ShownWord,
  shownState,
  shownText,
} from './shown-state.ts'
export { type StartRequest, startNamed } from './start.ts'
export { type Stray, stopStrays } from './stop-strays.ts'
export { superviseFleet } from './supervise-fleet.ts'
export { WriteAttempts } from './unwritable.ts'
