export { campaignCases, campaignSize, isFullCampaign } from './campaign-size.ts'
export { asyncCleanups } from './cleanups.ts'
export { type FoundNode, findNode, NODE_MAJORS } from './node-versions.ts'
export {
  type OldLeader,
  type OldLocation,
  type OldRecorder,
  startOldGuard,
  startOldLeader,
  startOldWatch,
} from './old-recorder.ts'
export { npmInstall, packPackages } from './pack.ts'
export { type PidsCgroup, pidsCgroup } from './pids-cgroup.ts'
export { privateDirectory } from './private-directory.ts'
export { denyProcesses, freeProcesses, lonelyUser, noProcessLimit } from './process-limit.ts'
export { type Finished, run } from './run.ts'
export {
  contradictions,
  marksIn,
  readStates,
  readTraces,
  type StateRow,
  traceScripts,
} from './shell-states.ts'
export { mayMount, type SmallDisk, smallDisk } from './small-disk.ts'
export { serverAt, startServer, type TestServer } from './tmux-server.ts'
export { copyProgram, refusingPair, type TmuxPair, terminalRefusingPair } from './tmux-versions.ts'
export { mountTracefs, type TestTracefs } from './tracefs.ts'
export { until } from './until.ts'
