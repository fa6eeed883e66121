export { contextIn, type DeathContext, keptContext, noteContext, readContext } from './context.ts'
export { DeathReader, filesOf, textOf } from './death-files.ts'
export { readDeathRecords } from './death-records.ts'
export { type JudgedDeath, judgeAmong, judgeDeaths } from './judge.ts'
export { type Channel, channelsOf } from './notify/channels.ts'
export { cleanLine, durationText } from './notify/compose.ts'
export { isFailing, type LastDeliveries, lastDeliveries } from './notify/deliveries.ts'
export { NOTIFICATION_KINDS, type Notification, type NotificationKind } from './notify/notification.ts'
export {
  beginNotifying,
  type NotifyMemory,
  type NotifyOptions,
  type NotifyResult,
  newNotifyMemory,
  notifyDeaths,
  notifyFromMemory,
  notifyInNeed,
  notifyOnce,
} from './notify/notify.ts'
export { listPending, type PendingNotification } from './notify/outbox.ts'
export { notifiedWords } from './notify/policy.ts'
export type { Delivered } from './notify/post.ts'
export { type Trouble, Troubles } from './notify/troubles.ts'
export {
  type DeathQuery,
  type DeathReport,
  type DeathView,
  deathView,
  deathViewOf,
  deathViews,
  judgeDeath,
  recordOfId,
  saveEvidence,
} from './report.ts'
export { KeptWitness, wantedWitness } from './signals/keep-witness.ts'
export { assertTracefs, openTraceInstance, staleTraceInstance } from './signals/tracefs.ts'
export { deathUsage, keepUsage, usagePath } from './usage/death-usage.ts'
export type { DeathUsage } from './usage/usage-trend.ts'
