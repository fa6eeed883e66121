export { type DurationStats, Durations } from './histogram.ts'
export {
  forgetWatch,
  type KeptWatch,
  keepWatch,
  listKeptWatches,
  type Rearmed,
  rearmKept,
} from './kept-watches.ts'
export type { SupervisorStats } from './measures.ts'
export { notePaneLogTimes, type PaneLogTime, readPaneLogTimes } from './pane-log-times.ts'
export { rotatePaneLogs } from './pane-logs.ts'
export { policyOf } from './policies.ts'
export { type SuperviseSettings, superviseSettings, usableSettings } from './settings.ts'
export { settleAndPlan } from './settle-and-plan.ts'
export { FleetSupervisor, type SupervisorOptions } from './supervisor.ts'
