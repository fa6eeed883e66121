export { connectDaemon, type DaemonClient, type DaemonHealth } from './client/client.ts'
export { DaemonUnreachable } from './client/unreachable.ts'
