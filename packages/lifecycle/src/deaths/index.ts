export { filesOf, type JudgedDeath, judgeAmong, judgeDeaths, readDeathRecords, textOf } from './judge.ts'
export { beginNotifying, notifyDeaths } from './notify/notify.ts'
export {
  type DeathQuery,
  type DeathReport,
  type DeathView,
  deathView,
  deathViewOf,
  deathViews,
  judgeDeath,
  recordOfId,
} from './report.ts'
export { KeptWitness, wantedWitness } from './signals/keep-witness.ts'
export { assertTracefs, openTraceInstance, staleTraceInstance } from './signals/tracefs.ts'
