export {
  type AnsweringDaemon,
  answeringDaemon,
  awaitServiceDaemon,
  DAEMON_RESTART_HINT,
  type DaemonStart,
  type DaemonStatus,
  daemonStatus,
  type StartedDaemon,
  startDaemon,
  stopDaemon,
} from './daemon/control.ts'
export { DAEMON_LOG_FORMAT } from './daemon/log-format.ts'
export { stripMallocEnv, withMallocEnv } from './daemon/malloc-env.ts'
export * from './doctor/index.ts'
export { type OtherUsers, otherUsers } from './other-users.ts'
export * from './service/index.ts'
