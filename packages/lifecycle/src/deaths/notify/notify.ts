import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import type { ExitRecord } from '@iapeer/forensics'
import type { EventLog } from '../../eventlog/index.ts'
import { DeathReader } from '../death-files.ts'
import { collectAddenda, type EvidenceOptions, YOUNGEST_MS } from '../evidence/addendum.ts'
import { type JudgedDeath, judgeAmong } from '../judge.ts'
import { RecentDeaths } from '../recent-deaths.ts'
import { compose } from './compose.ts'
import type { Notification } from './notification.ts'
import { addNotified, allNotified, completeNotified, type Recent, readNotified } from './notified.ts'
import {
  type DeliveryFailure,
  deliverFromMemory,
  deliverPending,
  enqueueNotification,
  listPending,
  putNotification,
} from './outbox.ts'
import { isExpected, isNotified, notifiedWords } from './policy.ts'
import type { Troubles } from './troubles.ts'

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
  /** @default nothing is remembered */
  readonly memory?: NotifyMemory | undefined
  /** Where to note the peers that a notification says are in trouble. @default nowhere */
  readonly troubles?: Troubles | undefined
  /**
   * Called for the deaths of an incident before they are notified. Returns what follows them; undefined where that is what was
   * planned for each peer.
   */
  readonly onIncident?: ((deaths: readonly JudgedDeath[]) => Promise<string | undefined>) | undefined
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

/** What a process that notifies again and again remembers from one round to the next. */
export interface NotifyMemory {
  readonly reader: DeathReader
  readonly recent: RecentDeaths
}

export const newNotifyMemory = (root: string): NotifyMemory => ({
  reader: new DeathReader(root),
  recent: new RecentDeaths(root, STALE_MS),
})

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

/** Returns a function that reads the deaths of the last hours, once. */
function recentOf(root: string, { memory, now }: Pick<NotifyOptions, 'memory' | 'now'>): Recent {
  const { recent } = memory ?? newNotifyMemory(root)
  let read: readonly ExitRecord[] | undefined
  return () => {
    read ??= recent.read(now)
    return read
  }
}

/**
 * Returns the ids of the deaths that were notified. In a root where none ever was, the deaths recorded so far count as notified:
 * only later ones are reported.
 * @param recent @default reads the log of deaths
 */
export async function beginNotifying(
  root: string,
  now: Date,
  recent = recentOf(root, { now }),
): Promise<ReadonlySet<string>> {
  const known = await readNotified(root)
  const all = allNotified(known ?? new Set(recent().map(({ id }) => id)), recent)
  if (known === undefined) await completeNotified(root, recent)
  // On a full disk, what an earlier version has forgotten is found again each time.
  else if (all !== known) await wasWritten(() => completeNotified(root, recent))
  return all
}

/** Returns the identity that a notification is about, for the log; of an incident, its first. */
function identityOf({ identity, deaths }: Notification): string {
  const [death] = deaths
  // A notification of an earlier version may have only the id, which begins with the identity.
  return identity ?? death?.identity ?? death?.id.replace(/-[^-]*$/, '') ?? ''
}

async function noteFailure(
  log: EventLog,
  { notification, why, retryMs, attempts }: DeliveryFailure,
): Promise<void> {
  // One event for a channel that fails all day, and one when the notification is dropped.
  if (retryMs !== undefined && attempts > 1) return
  const text = retryMs === undefined ? why : `${why}; it is tried again for a day`
  await log.note({ ev: 'supervise', identity: identityOf(notification), action: 'notify-failed', why: text })
}

/** Delivers what is due, and logs each failure under the peer that it is about. @returns when the next is due */
async function deliver(root: string, { env, log, now }: NotifyOptions): Promise<number | undefined> {
  const { failures, nextMs } = await deliverPending(root, env, now)
  for (const failure of failures) await noteFailure(log, failure)
  return nextMs
}

/**
 * Notes the deaths in the outbox as notified: a process that was killed may have written them there only.
 * @returns the ids of everything that was notified so far
 */
async function withPending(
  root: string,
  notified: ReadonlySet<string>,
  recent: Recent,
): Promise<ReadonlySet<string>> {
  const found = (await listPending(root)).flatMap(({ notification: { id, deaths } }) => [
    id,
    ...deaths.map((death) => death.id),
  ])
  if (found.every((id) => notified.has(id))) return notified
  await addNotified(root, found, recent)
  return new Set([...notified, ...found])
}

/**
 * Judges the deaths that were not notified yet. A death whose incident may be incomplete is not due; while all are that young,
 * none is judged.
 */
async function collectDue(
  root: string,
  notified: ReadonlySet<string>,
  options: NotifyOptions & { readonly recent: readonly ExitRecord[] },
): Promise<{ readonly due: readonly JudgedDeath[][]; readonly pending: boolean }> {
  const { now, recent, memory = newNotifyMemory(root) } = options
  const { reader } = memory
  await collectEvidence(root, recent, options)
  const pendingDeaths = new Set(recent.filter(({ id }) => !notified.has(id)))
  const isDue = (record: ExitRecord): boolean => ageMs(record, now) >= GATHER_MS
  if (pendingDeaths.size === 0) reader.forget()
  if (![...pendingDeaths].some(isDue)) return { due: [], pending: pendingDeaths.size > 0 }
  const judged = await judgeAmong(root, recent, (record) => pendingDeaths.has(record), { now, reader })
  const groups = groupByIncident(judged)
  const due = groups.filter((group) => group.some(({ record }) => isDue(record)))
  return { due, pending: due.length < groups.length }
}

async function put(
  root: string,
  notification: Notification,
  { env, log, now }: NotifyOptions,
): Promise<void> {
  for (const channel of await enqueueNotification(root, notification, env, now)) {
    const why = `the outbox is full: the notification for ${channel} is dropped`
    await log.note({ ev: 'supervise', identity: identityOf(notification), action: 'notify-failed', why })
  }
}

/** Notes the peers that died, so that a later notification can say that they have recovered. */
async function noteTroubles(
  { summary }: Notification,
  group: readonly JudgedDeath[],
  { troubles, now }: NotifyOptions,
): Promise<void> {
  for (const { record } of group)
    await troubles?.note({ about: record.identity, kind: 'peer', since: now.toISOString(), what: summary })
}

/** Writes the notifications that the settings ask for to the outbox, and notes their deaths as notified. */
async function enqueue(
  root: string,
  due: readonly JudgedDeath[][],
  options: NotifyOptions & { readonly recent: Recent },
): Promise<void> {
  const words = notifiedWords(options.env)
  for (const group of due) {
    const next = group.length > 1 ? await options.onIncident?.(group) : undefined
    const composed = await compose(root, group, { now: options.now, next })
    const isWanted =
      composed !== undefined &&
      isNotified(words, composed.notification.kind, composed.isRestarted) &&
      (composed.notification.kind !== 'death' || words.has('all') || !group.every(isExpected))
    if (isWanted) {
      await put(root, composed.notification, options)
      await noteTroubles(composed.notification, group, options)
    }
    await addNotified(
      root,
      group.map(({ record }) => record.id),
      options.recent,
    )
    await noteVerdicts(options.log, group)
  }
}

/**
 * Writes a notification that is not about a recorded death to the outbox, once for each id, if the settings ask for it.
 * @returns whether it was written now
 */
export async function notifyOnce(
  root: string,
  notification: Notification,
  options: NotifyOptions,
): Promise<boolean> {
  if (!isNotified(notifiedWords(options.env), notification.kind, false)) return false
  const recent = recentOf(root, options)
  const notified = await beginNotifying(root, options.now, recent)
  if (notified.has(notification.id)) return false
  await put(root, notification, options)
  await addNotified(root, [notification.id], recent)
  return true
}

/** Runs a change of the disk. @returns false if the disk cannot be written */
async function wasWritten(change: () => Promise<unknown>): Promise<boolean> {
  try {
    await change()
    return true
  } catch (error) {
    if (errnoOf(error) === undefined && !(isIapeerError(error) && error.code === 'file-not-synced'))
      throw error
    return false
  }
}

/**
 * Writes a notification as {@link notifyOnce} does, also if the disk cannot be written. The caller must remember the id: it may not
 * be noted as notified.
 * @returns the channels that the outbox could not be written for; undefined if it was notified before or is not wanted
 */
export async function notifyInNeed(
  root: string,
  notification: Notification,
  options: NotifyOptions,
): Promise<ReadonlySet<string> | undefined> {
  const { env, now } = options
  const recent = recentOf(root, options)
  if (!isNotified(notifiedWords(env), notification.kind, false)) return undefined
  let notified: ReadonlySet<string> = new Set()
  await wasWritten(async () => {
    notified = await beginNotifying(root, now, recent)
  })
  if (notified.has(notification.id)) return undefined
  const { full, unwritten } = await putNotification(root, notification, env, now)
  await wasWritten(() => addNotified(root, [notification.id], recent))
  return new Set([...full, ...unwritten])
}

/**
 * Delivers a notification to some channels without the outbox, and logs each failure.
 * @returns the channels that it may be tried again for
 */
export async function notifyFromMemory(
  root: string,
  notification: Notification,
  options: NotifyOptions & { readonly wanted: ReadonlySet<string> },
): Promise<ReadonlySet<string>> {
  const { failures, again } = await deliverFromMemory(root, notification, options)
  for (const failure of failures) await noteFailure(options.log, failure)
  return again
}

/** The result of {@link notifyDeaths}. */
export interface NotifyResult {
  /** The deaths that were judged. */
  readonly judged: readonly JudgedDeath[]
  /** Whether other deaths wait for their incident to be complete. */
  readonly pending: boolean
  /** When the next notification in the outbox is due, in milliseconds since the epoch. */
  readonly nextMs: number | undefined
}

/**
 * Judges the deaths that were not notified yet, writes the notifications that the settings ask for to the outbox, with one for an
 * incident, and delivers what is due. A death whose incident may be incomplete waits. A notification is in the outbox before its
 * deaths are noted as notified, and stays there until it is delivered: a kill in between loses nothing, and a notification that
 * was being delivered then is delivered again.
 */
export async function notifyDeaths(root: string, options: NotifyOptions): Promise<NotifyResult> {
  let nextMs: number | undefined
  let due: readonly JudgedDeath[][] = []
  let pending = false
  try {
    const recent = recentOf(root, options)
    const notified = await withPending(root, await beginNotifying(root, options.now, recent), recent)
    const found = await collectDue(root, notified, { ...options, recent: recent() })
    due = found.due
    pending = found.pending
    await enqueue(root, due, { ...options, recent })
  } finally {
    // What is in the outbox is delivered even if nothing can be added to it, for example because the disk is full.
    nextMs = await deliver(root, options)
  }
  return { judged: due.flat(), pending, nextMs }
}
