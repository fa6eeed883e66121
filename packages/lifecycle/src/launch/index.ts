export { type Controlled, controlSession } from './control.ts'
export { finishLaunch, finishLaunches } from './finish-launch.ts'
export { type InspectPaneOptions, inspectPane, type PaneReading } from './from-pane/inspect-pane.ts'
export { socketPathOf } from './from-pane/pane-target.ts'
export { leaveQueue, type QueueOptions, queuedForMs } from './gate/enter.ts'
export {
  heldBy,
  type MassDeath,
  readMassDeath,
  releaseRestarts,
  writeMassDeath,
} from './gate/hold.ts'
export { type HostMemory, readHostMemory } from './gate/host-memory.ts'
export { checkLaunch, type Launched, launchPeer } from './launch.ts'
export { removedDirectories } from './launch-environment.ts'
export { readMcpUrl, removeMcpAddress, writeMcpAddress } from './mcp-address.ts'
export type { LaunchOptions, ResumeRequest } from './options.ts'
export { paneLogOf } from './plan.ts'
export { preloadLifecycle } from './preload.ts'
export { RUN_MARK } from './run-mark.ts'
export { isAttached } from './screen/pane.ts'
export {
  removeOutsideSessions,
  removeSessionDirectory,
  sweepSessionsSparingly,
} from './session-directory.ts'
export { rememberTopic, type WakeRequest, type Woken, wakeOrSpawn } from './wake.ts'
