export { readBoot } from './boot.ts'
export {
  formatProcessId,
  hasProcfs,
  identifyProcess,
  type Liveness,
  observeProcess,
  observeProcesses,
  type ProcessId,
  parseProcessId,
  readProcesses,
} from './process-identity.ts'
export { type ProcessFacts, parseProcStat, parsePsLines } from './start-token.ts'
