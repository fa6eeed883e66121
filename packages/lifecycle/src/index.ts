export * from './doctor/index.ts'
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
export * from './service/index.ts'
export { healSessions } from './sessions/heal.ts'
export { listSessions, type PeerSession, readSession } from './sessions/session-file.ts'
export { type PeerState, type PeerStatus, statusOf } from './sessions/state.ts'
export { clearStopFlag } from './sessions/stop-flag.ts'
export { type StopOptions, type StopResult, stopPeer } from './stop.ts'
