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
export { rotatePaneLogs } from './pane-logs.ts'
export { policyOf } from './policies.ts'
export { settleAndPlan } from './restart-policy.ts'
export { type SuperviseSettings, superviseSettings } from './settings.ts'
export { FleetSupervisor, type SupervisorOptions } from './supervisor.ts'
