export { type AdviceContext, adviceFor } from './advice.ts'
export {
  type ExitRecord,
  type ExitsLog,
  parseExitLine,
  parseExitsLog,
  type ServerExit,
  type SessionExit,
} from './exit-record.ts'
export { reportFiles } from './facts/darwin.ts'
export { lastScreen, lastWords } from './facts/screen.ts'
export { type Death, groupIncidents, type Incident, type Judgement, judgeTogether } from './incident.ts'
export { publishedKiller, STARTED_BY } from './published-killer.ts'
export { RULES_VERSION } from './rules/index.ts'
export { canonicalSignal, isFault, signalOfWaitStatus } from './signal-name.ts'
export {
  parseSnapshot,
  type Snapshot,
  type SnapshotSection,
  sectionLines,
  withAddendum,
} from './snapshot.ts'
export { TOPICS, type Topic } from './topic.ts'
export { type Evidence, type Findings, judge, type Verdict } from './verdict.ts'
export { type Confidence, VERDICT_WORDS, type VerdictWord } from './verdict-word.ts'
export { type Killer, killerOf, parseWitness, type SeenProcess, type Witness } from './witness.ts'
