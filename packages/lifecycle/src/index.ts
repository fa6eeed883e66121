export { type PaneReading, type ReadPaneOptions, readPane } from './adopt/read-pane.ts'
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
export * from './doctor/index.ts'
export { checkCursor } from './eventlog/cursor.ts'
export {
  type ExtraFields,
  type LifecycleEvent,
  type RecordedEvent,
  SUPERVISE_ACTIONS,
  type SuperviseAction,
} from './eventlog/event.ts'
export { createEventLog, type EventLog, type EventLogOptions } from './eventlog/event-log.ts'
export type { EventFilter } from './eventlog/filter.ts'
export { type FollowedEvent, type FollowOptions, followEvents } from './eventlog/follow-events.ts'
export { type EventsRead, type ReadEventsFilter, readEvents } from './eventlog/read-events.ts'
export {
  type Outcome,
  refreshNamed,
  renewNamed,
  resetNamed,
  type StopRequest,
  type StopView,
  stopNamed,
  wakeNamed,
} from './fleet/actions.ts'
export {
  type DeathQuery,
  type DeathReport,
  type DeathView,
  deathView,
  deathViewOf,
  deathViews,
  judgeDeath,
  recordOfId,
} from './fleet/death-view.ts'
export { type DurationStats, Durations } from './fleet/durations.ts'
export { isOf } from './fleet/is-of.ts'
export { filesOf, type JudgedDeath, judgeDeaths, readDeathRecords, textOf } from './fleet/judge-deaths.ts'
export type { LaunchView } from './fleet/launch-view.ts'
export { type NamedPeer, peerEntryNamed, peerNamed, presentIdentity, runningOf } from './fleet/named.ts'
export { fleetView, type PeerView, peerFields, peerView } from './fleet/peer-view.ts'
export { type RemovedPeer, type RemoveOptions, removeNamed } from './fleet/remove.ts'
export { finishRename, type Renamed, renameNamed, unfinishedRename } from './fleet/rename.ts'
export { settleFleet } from './fleet/settle-fleet.ts'
export { type StartRequest, startNamed } from './fleet/start.ts'
export { type Stray, stopStrays } from './fleet/stop-strays.ts'
export {
  forgetWatch,
  type KeptWatch,
  keepWatch,
  listKeptWatches,
  type Rearmed,
  rearmKept,
} from './kept-watches.ts'
export { finishLaunch, finishLaunches } from './launch/finish-launch.ts'
export { lastLines } from './launch/first-moments.ts'
export { type Launched, launchPeer, requireDeclared } from './launch/launch.ts'
export type { LaunchOptions } from './launch/options.ts'
export { rotatePaneLogs } from './panelog/rotate.ts'
export { preloadLifecycle } from './preload.ts'
export { composeSystemPrompt, type PromptLayers } from './prompt/compose.ts'
export type { PromptIdentity } from './prompt/identity-block.ts'
export { type PromptRequest, readPromptLayers } from './prompt/read-layers.ts'
export { writeSystemPrompt } from './prompt/write-system-prompt.ts'
export { type RunOptions, type RunResult, runPeer } from './run.ts'
export { adapterOf } from './runtimes/index.ts'
export type { Control, ControlInput, RuntimeAdapter, SessionPlace } from './runtimes/runtime.ts'
export * from './service/index.ts'
export { finishSessions } from './sessions/finish.ts'
export { lastRenameOf, type Rename, readRenames } from './sessions/renames.ts'
export { type BlockedLaunch, listSessions, type PeerSession, readSession } from './sessions/session-file.ts'
export { type PeerState, type PeerStatus, statusOf } from './sessions/state.ts'
export { type StopOptions, type StopResult, stopPeer } from './stop.ts'
export type { SupervisorStats } from './supervise/measures.ts'
export { FleetSupervisor, type SupervisorOptions } from './supervise/supervisor.ts'
export { type WakeRequest, type Woken, wakeOrSpawn } from './wake/wake.ts'
