export type { DaemonHealth } from './answers.ts'
export { connectDaemon, type DaemonClient } from './client.ts'
