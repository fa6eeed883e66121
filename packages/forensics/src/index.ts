export { type Evidence, snapshotEvidence } from './evidence.ts'
export {
  type ExitRecord,
  type ExitsLog,
  parseExitLine,
  parseExitsLog,
  type ServerExit,
  type SessionExit,
} from './exit-record.ts'
export { canonicalSignal, isFault, signalOfWaitStatus } from './signal-name.ts'
export { parseSnapshot, type Snapshot, type SnapshotSection, sectionLines } from './snapshot.ts'
export { type Confidence, type Findings, judge, type Verdict, type VerdictWord } from './verdict.ts'
export { type Killer, killerOf, parseWitness, type SeenProcess, type Witness } from './witness.ts'
