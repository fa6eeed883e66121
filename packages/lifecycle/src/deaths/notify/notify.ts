import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import type { ExitRecord } from '@iapeer/forensics'
import type { EventLog } from '../../eventlog/index.ts'
import { collectAddenda, type EvidenceOptions, YOUNGEST_MS } from '../evidence/addendum.ts'
import { type JudgedDeath, judgeAmong, readDeathRecords } from '../judge.ts'
import { deathViewOf } from '../report.ts'
import { deliverPending, enqueueNotification } from './channels.ts'
import { readNotified, writeNotified } from './notified.ts'
import { listPending, type Notification, type PendingNotification } from './outbox.ts'

/** Deaths of one cause follow each other within this time; they are told together. */
const GATHER_MS = YOUNGEST_MS
/** What was not told for so long is no news any more. */
const STALE_MS = 24 * 60 * 60_000

/** What the system writes of a death is looked for until then; one that was told with its incident may be younger than that. */
const EVIDENCE_MS = 5 * 60_000

export interface NotifyOptions extends EvidenceOptions {
  readonly log: EventLog
}

const ageMs = ({ ts }: ExitRecord, now: Date): number => now.getTime() - Date.parse(ts)

/** Deaths of one incident together, the others each for itself. */
function together(deaths: readonly JudgedDeath[]): JudgedDeath[][] {
  const groups = new Map<string, JudgedDeath[]>()
  for (const death of deaths) {
    const key = death.incident?.id ?? death.record.id
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [death])
    else group.push(death)
  }
  return [...groups.values()]
}

function notificationOf(group: readonly JudgedDeath[]): Notification | undefined {
  const [first] = group
  if (first === undefined) return undefined
  const { record, judged, incident } = first
  const { verdict, confidence } = judged
  const deaths = group.map(deathViewOf)
  const common = { schemaVersion: 1, verdict, confidence, deaths } as const
  if (incident === undefined || group.length === 1)
    return { ...common, id: record.id, kind: 'death', summary: `${record.identity}: ${judged.summary}` }
  const summary = `${group.length} peers died of one cause (${incident.cause}): ${judged.summary}`
  return { ...common, id: incident.id, kind: 'incident', summary }
}

/** The verdict of each, and the incident they are a part of, in lifecycle.log. */
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

/** What cannot be written down is told without. */
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
 * Reads which deaths were announced. In a root where none ever was, all that are recorded by now count as announced: only what
 * dies from now on is news.
 */
export async function beginNotifying(root: string, now: Date): Promise<ReadonlySet<string>> {
  const known = await readNotified(root)
  if (known !== undefined) return known
  const notified = new Set((await recentDeaths(root, now)).map(({ id }) => id))
  await writeNotified(root, notified)
  return notified
}

/** The peer that a notification is about, for the log; the first one of an incident. */
function identityOf({ notification }: PendingNotification): string {
  const [death] = notification.deaths
  // A notification of an earlier version may have the id alone, which begins with the identity.
  return death?.identity ?? death?.id.replace(/-[^-]*$/, '') ?? ''
}

/** Delivers what is in the outbox; each failure is logged under the peer it is about. */
async function deliver(
  root: string,
  outbox: readonly PendingNotification[],
  { env, log }: NotifyOptions,
): Promise<void> {
  for (const { pending, why } of await deliverPending(root, outbox, env))
    await log.note({ ev: 'supervise', identity: identityOf(pending), action: 'notify-failed', why })
}

/** Delivers what a killed process has left in the outbox. @returns all that were announced by now */
async function deliverStale(
  root: string,
  notified: ReadonlySet<string>,
  options: NotifyOptions,
): Promise<ReadonlySet<string>> {
  const left = await listPending(root)
  if (left.length === 0) return notified
  const all = new Set([
    ...notified,
    ...left.flatMap(({ notification }) => notification.deaths.map(({ id }) => id)),
  ])
  await writeNotified(root, all)
  await deliver(root, left, options)
  return all
}

/**
 * Judges the deaths that were not announced yet, an incident once for all of its deaths; those whose incident may not be whole
 * wait. While all are too young, none is judged.
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
  const groups = together(await judgeAmong(root, recent, (record) => pendingDeaths.has(record)))
  const due = groups.filter((group) => group.some(({ record }) => isDue(record)))
  return { due, pending: due.length < groups.length }
}

/** Puts notifications into the outbox, and notes their deaths as announced. @returns what is to be delivered */
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
 * Judges and announces the deaths that were not announced yet, an incident once for all of its deaths; what is too young for
 * its incident to be whole waits. What is to be delivered is written to the outbox, then noted as announced, then taken by the
 * process that delivers it: when a process is killed in between, nothing is delivered twice, and the next one delivers the rest.
 * @returns the deaths that were judged, and whether some wait
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
