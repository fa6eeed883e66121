import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { type ExitRecord, publishedKiller } from '@iapeer/forensics'
import type { EventLog } from '../../eventlog/index.ts'
import { collectAddenda, type EvidenceOptions, YOUNGEST_MS } from '../evidence/addendum.ts'
import { type JudgedDeath, judgeAmong, readDeathRecords } from '../judge.ts'
import { type DeathView, deathViewOf } from '../report.ts'
import { deliverPending, enqueueNotification } from './channels.ts'
import { readNotified, writeNotified } from './notified.ts'
import { listPending, type Notification, type PendingNotification } from './outbox.ts'

/** Deaths of one cause follow each other within this time: a death waits this long for its incident to be complete. */
const GATHER_MS = YOUNGEST_MS
/** Older deaths are not notified. */
const STALE_MS = 24 * 60 * 60_000

/**
 * The evidence of the system is collected up to this age: a death that was notified with its incident can still be too young
 * for it.
 */
const EVIDENCE_MS = 5 * 60_000

export interface NotifyOptions extends EvidenceOptions {
  readonly log: EventLog
}

const ageMs = ({ ts }: ExitRecord, now: Date): number => now.getTime() - Date.parse(ts)

/** Groups the deaths of each incident; any other death is a group of its own. */
function groupByIncident(deaths: readonly JudgedDeath[]): JudgedDeath[][] {
  const groups = new Map<string, JudgedDeath[]>()
  for (const death of deaths) {
    const key = death.incident?.id ?? death.record.id
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [death])
    else group.push(death)
  }
  return [...groups.values()]
}

/** Returns a death as a notification has it: what is recorded about the killer's ancestors does not leave the machine whole. */
function publishedView(death: JudgedDeath): DeathView {
  const view = deathViewOf(death)
  return view.killer === undefined ? view : { ...view, killer: publishedKiller(view.killer) }
}

function notificationOf(group: readonly JudgedDeath[]): Notification | undefined {
  const [first] = group
  if (first === undefined) return undefined
  const { record, judged, incident } = first
  const { verdict, confidence } = judged
  const deaths = group.map(publishedView)
  const common = { schemaVersion: 1, verdict, confidence, deaths } as const
  if (incident === undefined || group.length === 1)
    return { ...common, id: record.id, kind: 'death', summary: `${record.identity}: ${judged.summary}` }
  const summary = `${group.length} peers died of one cause (${incident.cause}): ${judged.summary}`
  return { ...common, id: incident.id, kind: 'incident', summary }
}

/** Logs the verdict of each death, and the incident that they are part of. */
async function noteVerdicts(log: EventLog, group: readonly JudgedDeath[]): Promise<void> {
  for (const { record, judged } of group) {
    const { verdict, confidence } = judged
    await log.note({ ev: 'verdict', identity: record.identity, gen: record.gen ?? '', verdict, confidence })
  }
  const incident = group[0]?.incident
  if (incident !== undefined && group.length > 1)
    await log.note({ ev: 'incident', id: incident.id, deaths: group.length, cause: incident.cause })
}

const recentDeaths = async (root: string, now: Date): Promise<readonly ExitRecord[]> =>
  (await readDeathRecords(root)).filter((record) => ageMs(record, now) < STALE_MS)

/** Saves late evidence; what cannot be saved is logged. */
async function collectEvidence(
  root: string,
  recent: readonly ExitRecord[],
  options: NotifyOptions,
): Promise<void> {
  const fresh = recent.filter((record) => ageMs(record, options.now) < EVIDENCE_MS)
  for (const { record, error } of await collectAddenda(root, fresh, options)) {
    const why = isIapeerError(error) ? error.message : (errnoOf(error) ?? String(error))
    await options.log.note({ ev: 'supervise', identity: record.identity, action: 'evidence-failed', why })
  }
}

/**
 * Returns the ids of the deaths that were notified. In a root where none ever was, the deaths recorded so far count as notified:
 * only later ones are reported.
 */
export async function beginNotifying(root: string, now: Date): Promise<ReadonlySet<string>> {
  const known = await readNotified(root)
  if (known !== undefined) return known
  const notified = new Set((await recentDeaths(root, now)).map(({ id }) => id))
  await writeNotified(root, notified)
  return notified
}

/** Returns the identity that a notification is about, for the log; of an incident, its first. */
function identityOf({ notification }: PendingNotification): string {
  const [death] = notification.deaths
  // A notification of an earlier version may have only the id, which begins with the identity.
  return death?.identity ?? death?.id.replace(/-[^-]*$/, '') ?? ''
}

/** Delivers notifications, and logs each failure under the peer that it is about. */
async function deliver(
  root: string,
  outbox: readonly PendingNotification[],
  { env, log }: NotifyOptions,
): Promise<void> {
  for (const { pending, why } of await deliverPending(root, outbox, env))
    await log.note({ ev: 'supervise', identity: identityOf(pending), action: 'notify-failed', why })
}

/** Delivers notifications that a killed process left in the outbox. @returns the ids of all deaths that were notified so far */
async function deliverStale(
  root: string,
  notified: ReadonlySet<string>,
  options: NotifyOptions,
): Promise<ReadonlySet<string>> {
  const stale = await listPending(root)
  if (stale.length === 0) return notified
  const all = new Set([
    ...notified,
    ...stale.flatMap(({ notification }) => notification.deaths.map(({ id }) => id)),
  ])
  await writeNotified(root, all)
  await deliver(root, stale, options)
  return all
}

/**
 * Judges the deaths that were not notified yet. A death whose incident may be incomplete is not due; while all are that young,
 * none is judged.
 */
async function collectDue(
  root: string,
  notified: ReadonlySet<string>,
  options: NotifyOptions,
): Promise<{ readonly due: readonly JudgedDeath[][]; readonly pending: boolean }> {
  const { now } = options
  const recent = await recentDeaths(root, now)
  await collectEvidence(root, recent, options)
  const pendingDeaths = new Set(recent.filter(({ id }) => !notified.has(id)))
  const isDue = (record: ExitRecord): boolean => ageMs(record, now) >= GATHER_MS
  if (![...pendingDeaths].some(isDue)) return { due: [], pending: pendingDeaths.size > 0 }
  const groups = groupByIncident(await judgeAmong(root, recent, (record) => pendingDeaths.has(record)))
  const due = groups.filter((group) => group.some(({ record }) => isDue(record)))
  return { due, pending: due.length < groups.length }
}

/** Writes notifications to the outbox, and notes their deaths as notified. @returns the notifications to deliver */
async function enqueue(
  root: string,
  due: readonly JudgedDeath[][],
  { notified, env, log }: NotifyOptions & { readonly notified: ReadonlySet<string> },
): Promise<PendingNotification[]> {
  const outbox: PendingNotification[] = []
  const known = new Set(notified)
  for (const group of due) {
    for (const { record } of group) known.add(record.id)
    const notification = notificationOf(group)
    if (notification !== undefined) outbox.push(...(await enqueueNotification(root, notification, env)))
    await writeNotified(root, known)
    await noteVerdicts(log, group)
  }
  return outbox
}

/**
 * Judges and notifies the deaths that were not notified yet, with one notification for an incident. A death whose incident may
 * be incomplete waits. A notification is written to the outbox, its deaths are noted as notified, then the process that delivers
 * it claims it: when a process is killed in between, nothing is delivered twice, and the next process delivers the rest.
 * @returns the deaths that were judged, and whether others wait
 */
export async function notifyDeaths(
  root: string,
  options: NotifyOptions,
): Promise<{ readonly judged: readonly JudgedDeath[]; readonly pending: boolean }> {
  const notified = await deliverStale(root, await beginNotifying(root, options.now), options)
  const { due, pending } = await collectDue(root, notified, options)
  await deliver(root, await enqueue(root, due, { ...options, notified }), options)
  return { judged: due.flat(), pending }
}
