export * from '@iapeer/canary'
export { runTmux, type TmuxCall, type TmuxResult } from './exec.ts'
export { peerSocketPath, SOCKET_PATH_LIMIT } from './socket-path.ts'
export {
  type CaptureOptions,
  type ServerState,
  type TmuxPane,
  TmuxServer,
  type TmuxServerOptions,
  type TmuxSession,
} from './tmux-server.ts'
export { type Degraded, parseTmuxVersion, type TmuxVersion, tmuxVersion } from './version.ts'
