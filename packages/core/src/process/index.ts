export { readBoot } from './boot.ts'
export { readBootClock } from './boot-clock.ts'
export {
  type CommandLine,
  parseProcCmdline,
  parsePsArguments,
  readCommandLine,
  readExecutable,
  readWorkingDirectory,
} from './command-line.ts'
export { readCpuMs } from './cpu-time.ts'
export { readEnvironment } from './environment.ts'
export { LivenessProbes, livenessBySignal, type ProbeDepth } from './liveness-probes.ts'
export { findListeners, type OpenProgram, openProgram } from './open-program.ts'
export {
  formatProcessId,
  hasProcfs,
  identifyProcess,
  isSameProcess,
  type Liveness,
  observeProcess,
  observeProcesses,
  type ProcessId,
  parseProcessId,
  readProcesses,
} from './process-identity.ts'
export { type ProcessRow, parsePsTable, readProcessTable } from './process-table.ts'
export { signalProcess } from './signal.ts'
export { parseSleep, readSleep } from './sleeping.ts'
export { SMALL_HEAP_FLAGS } from './small-heap.ts'
export { type ProcessFacts, parseProcStat, parsePsLines } from './start-token.ts'
export { stoppedProcesses } from './stopped.ts'
export { parsePsUsage, readTreeUsage, type TreeUsage } from './tree-usage.ts'
export { observeSocket, type SocketState } from './unix-socket.ts'
export {
  parseUsageStat,
  readUsageRow,
  sumTrees,
  type TreeSum,
  type UsageRow,
  UsageScan,
} from './usage-scan.ts'
