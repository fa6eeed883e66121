export type { DaemonHealth } from './daemon-client/answers.ts'
export { connectDaemon, type DaemonClient } from './daemon-client/client.ts'
export {
  type DaemonStart,
  type DaemonStatus,
  daemonStatus,
  startDaemon,
  stopDaemon,
} from './daemon-client/control.ts'
export { chooseDaemonSocket, type DaemonPlace, daemonPlace } from './daemon-client/place.ts'
export {
  type LaunchView,
  renewNamed,
  type StartRequest,
  type StopRequest,
  type StopView,
  startNamed,
  stopNamed,
} from './fleet/actions.ts'
export {
  type DeathQuery,
  type DeathReport,
  type DeathView,
  deathView,
  deathViews,
  readDeathRecords,
  readFindings,
  withKiller,
} from './fleet/death-view.ts'
export { type DurationStats, Durations } from './fleet/durations.ts'
export { type NamedPeer, peerEntryNamed, peerNamed } from './fleet/named.ts'
export { fleetView, type PeerView, peerFields, peerView } from './fleet/peer-view.ts'
export {
  forgetWatch,
  type KeptWatch,
  keepWatch,
  listKeptWatches,
  type Rearmed,
  rearmKept,
} from './kept-watches.ts'
export { lastLines } from './launch/first-moments.ts'
export { type Launched, type LaunchOptions, launchPeer } from './launch/launch.ts'
export { type RunOptions, type RunResult, runPeer } from './run.ts'
export { healSessions } from './sessions/heal.ts'
export { listSessions, type PeerSession, readSession } from './sessions/session-file.ts'
export { type PeerState, type PeerStatus, statusOf } from './sessions/state.ts'
export { clearStopFlag } from './sessions/stop-flag.ts'
export { type StopOptions, type StopResult, stopPeer } from './stop.ts'
