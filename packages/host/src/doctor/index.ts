export { examineRecordDirectories } from './checks/record-directories.ts'
export {
  type Check,
  type CheckGroup,
  type DoctorContext,
  type DoctorPaths,
  type Finding,
  type KnownDaemon,
  type Level,
  SYSTEM_PATHS,
} from './finding.ts'
export { type Examined, needsAttention, runDoctor } from './run-doctor.ts'
