export {
  type DaemonStart,
  type DaemonStatus,
  daemonStatus,
  startDaemon,
  stopDaemon,
} from './daemon/control.ts'
export * from './doctor/index.ts'
export * from './service/index.ts'
