export { filesOf, type JudgedDeath, judgeAmong, judgeDeaths, readDeathRecords, textOf } from './judge.ts'
export { announce, beginTelling } from './notify/notify.ts'
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
export { leftTraceInstance, openTraceInstance, requireTracefs } from './signals/tracefs.ts'
