export {
  type AnsweringDaemon,
  answeringDaemon,
  awaitServiceDaemon,
  type DaemonStart,
  type DaemonStatus,
  daemonStatus,
  type StartedDaemon,
  startDaemon,
  stopDaemon,
} from './daemon/control.ts'
export { DAEMON_LOG_FORMAT } from './daemon/log-format.ts'
export * from './doctor/index.ts'
export * from './service/index.ts'
