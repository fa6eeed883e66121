export { restoreExitHooks } from './exit-hook.ts'
export { healLostChild } from './heal.ts'
export { noteLeaderCgroup } from './leader-cgroup.ts'
export { type Leader, type LeaderOptions, startLeader } from './leader-session.ts'
export { MANAGED_SETTINGS } from './managed-config.ts'
export { preloadTmux } from './preload.ts'
export { describeReach, observeReach, type Reach, type Unreachable } from './reach.ts'
export { finishLeader } from './recover.ts'
export { runTmux, type TmuxCall, type TmuxResult } from './run-tmux.ts'
export { runOnServer, runsAnotherFile } from './server-client.ts'
export { isEmptyServer } from './server-sessions.ts'
export { peerSocketPath } from './socket-path.ts'
export { type TeardownOptions, type TeardownResult, teardown } from './teardown.ts'
export {
  type CaptureOptions,
  type ServerState,
  type TmuxPane,
  TmuxServer,
  type TmuxServerOptions,
  type TmuxSession,
} from './tmux-server.ts'
export { type LoadedConfig, loadUserConfig, SET_BACK_REASONS, type SetBack } from './user-config.ts'
export { type Degraded, parseTmuxVersion, type TmuxVersion, tmuxVersion } from './version.ts'
