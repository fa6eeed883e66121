import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { mapLimit } from '@iapeer/core/async'
import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { fieldsOf, list, parseJson } from '@iapeer/core/json'
import { rootLayout } from '@iapeer/core/paths'
import { Spool, type SpoolFile } from '@iapeer/core/spool'
import { namesIn, readRegularFile } from '@iapeer/core/storage'
import { type Channel, channelsOf } from './channels.ts'
import { type DeliveryNote, noteDeliveries } from './deliveries.ts'
import { NOTIFICATION_KINDS, type Notification } from './notification.ts'
import { sendAtMs } from './policy.ts'

/** Notifications wait here until they are delivered: `state/lifecycle/outbox`, one entry for each channel. */
const directoryOf = (root: string): string => join(rootLayout(root).lifecycleStateDir, 'outbox')
/** The name of the outbox in earlier versions: its files are delivered, none are added. */
const formerDirectoryOf = (root: string): string => join(rootLayout(root).lifecycleStateDir, 'news')

const outboxOf = (root: string): Spool => new Spool(directoryOf(root))

/** The channels of earlier versions, whose files are named `<id>.<channel>.json`. */
const FORMER_NAME = /^([\w-]+)\.(hook|desktop|webhook)\.json$/

const keyOf = (channel: string, id: string): string => `${channel}_${id.replace(/[^\w-]/g, '_').slice(-110)}`
const channelOf = ({ key }: { readonly key: string }): string => key.slice(0, key.indexOf('_'))

function parseNotification(text: string): Notification | undefined {
  const { id, kind, summary, verdict, confidence, next, lastLine, identity, deaths } = fieldsOf(
    parseJson(text),
  )
  const known = NOTIFICATION_KINDS.find((one) => one === kind)
  if (typeof id !== 'string' || known === undefined || !Array.isArray(deaths)) return undefined
  const optional = { verdict, confidence, next, lastLine, identity }
  const texts = Object.entries(optional).filter(([, value]) => typeof value === 'string')
  return {
    schemaVersion: 1,
    id,
    kind: known,
    summary: typeof summary === 'string' ? summary : id,
    ...Object.fromEntries(texts),
    deaths: list(deaths).flatMap((one) => {
      const fields = fieldsOf(one)
      return typeof fields['id'] === 'string' ? [{ ...fields, id: fields['id'] }] : []
    }),
  }
}

/** Moves the files that earlier versions left into the outbox of this one. Removes those that are invalid. */
async function takeFormer(root: string): Promise<void> {
  for (const directory of [formerDirectoryOf(root), directoryOf(root)])
    for (const name of (await namesIn(directory)).sort()) {
      const path = join(directory, name)
      // An earlier version claimed a notification by this name: it has delivered it, or was killed while it did.
      if (/^[\w-]+\.(?:hook|desktop|webhook)\.taken$/.test(name)) await rm(path, { force: true })
      const [, id, channel] = FORMER_NAME.exec(name) ?? []
      const text = channel === undefined ? undefined : (await readRegularFile(path))?.text
      if (id === undefined || channel === undefined || text === undefined) continue
      const wasPut =
        parseNotification(text) === undefined ||
        (await outboxOf(root).put(keyOf(channel, id), text)) !== 'full'
      if (wasPut) await rm(path, { force: true })
    }
}

/** The entries of a notification, by the names of their channels. */
export interface PutResult {
  /** Where the outbox is full: nothing was written. */
  readonly full: readonly string[]
  /** Where the outbox could not be written. */
  readonly unwritten: readonly string[]
  /** Why; the Node.js system error. */
  readonly error?: Error | undefined
}

/**
 * Writes a notification to the outbox, once for each channel that is set up. In quiet hours it is due at their end. An entry that
 * cannot be written does not stop the others.
 * @throws IapeerError `bad-setting`; the Node.js system error if the channels cannot be read
 */
export async function putNotification(
  root: string,
  notification: Notification,
  env: NodeJS.ProcessEnv,
  now: Date = new Date(),
): Promise<PutResult> {
  const dueMs = sendAtMs(env, notification.kind, now)
  const [full, unwritten]: [string[], string[]] = [[], []]
  let error: Error | undefined
  for (const { name } of await channelsOf(root, env)) {
    const text = `${JSON.stringify(notification)}\n`
    try {
      const put = await outboxOf(root).put(keyOf(name, notification.id), text, {
        nowMs: now.getTime(),
        dueMs,
      })
      if (put === 'full') full.push(name)
    } catch (caught) {
      // `file-not-synced`: the entry is written, and a crash of the host may lose it.
      if (isIapeerError(caught) && caught.code === 'file-not-synced') continue
      if (errnoOf(caught) === undefined || !(caught instanceof Error)) throw caught
      unwritten.push(name)
      error ??= caught
    }
  }
  return { full, unwritten, error }
}

/**
 * Writes a notification to the outbox, as {@link putNotification} does.
 * @returns the channels whose part of the outbox is full
 * @throws IapeerError `bad-setting`; the Node.js system error
 */
export async function enqueueNotification(
  root: string,
  notification: Notification,
  env: NodeJS.ProcessEnv,
  now: Date = new Date(),
): Promise<readonly string[]> {
  const { full, error } = await putNotification(root, notification, env, now)
  if (error !== undefined) throw error
  return full
}

/** A notification that waits, for one channel. */
export interface PendingNotification {
  readonly channel: string
  readonly notification: Notification
  readonly attempts: number
  /** When it is sent, in milliseconds since the epoch. */
  readonly dueMs: number
}

/** Lists the notifications in the outbox, the oldest first, including those of earlier versions. */
export async function listPending(root: string): Promise<readonly PendingNotification[]> {
  await takeFormer(root)
  const outbox = outboxOf(root)
  const found: PendingNotification[] = []
  for (const file of await outbox.list()) {
    const text = await outbox.read(file)
    const notification = text === undefined ? undefined : parseNotification(text)
    const { attempts, dueMs } = file
    if (notification !== undefined) found.push({ channel: channelOf(file), notification, attempts, dueMs })
  }
  return found
}

/** A notification that was not delivered. */
export interface DeliveryFailure {
  readonly notification: Notification
  readonly channel: string
  /** One line. */
  readonly why: string
  /** Whether and when it is tried again, in milliseconds since the epoch. */
  readonly retryMs?: number
  /** How often it was tried. */
  readonly attempts: number
}

/** How many notifications are delivered at a time: a delivery that hangs delays few others. */
const AT_ONCE = 4

interface Delivery {
  readonly outbox: Spool
  readonly channels: readonly Channel[]
  readonly nowMs: number
  /** The results, to which each delivery adds its own. */
  readonly notes: DeliveryNote[]
}

async function deliverOne(
  file: SpoolFile,
  { outbox, channels, nowMs, notes }: Delivery,
): Promise<DeliveryFailure | undefined> {
  const claimed = await outbox.claim(file)
  if (claimed === undefined) return undefined
  const notification = parseNotification(claimed.text)
  const channel = channels.find(({ name }) => name === channelOf(file))
  if (notification === undefined || channel === undefined) {
    await outbox.done(claimed)
    return undefined
  }
  const { ok, answer, retry } = await channel.deliver(notification)
  notes.push({ channel: channel.name, ok, answer })
  const failure = { notification, channel: channel.name, why: answer, attempts: claimed.attempts }
  if (ok || retry !== true) {
    await outbox.done(claimed)
    return ok ? undefined : failure
  }
  return { ...failure, retryMs: await outbox.retry(claimed, nowMs) }
}

/** Delivers a notification; a file system error of it does not stop the others. */
async function attemptOne(file: SpoolFile, delivery: Delivery): Promise<DeliveryFailure | undefined> {
  try {
    return await deliverOne(file, delivery)
  } catch (error) {
    if (errnoOf(error) === undefined || !(error instanceof Error)) throw error
    const notification: Notification = {
      schemaVersion: 1,
      id: file.key,
      kind: 'death',
      summary: '',
      deaths: [],
    }
    return { notification, channel: channelOf(file), why: error.message, attempts: file.attempts }
  }
}

async function expired(delivery: Delivery): Promise<DeliveryFailure[]> {
  const { outbox, nowMs } = delivery
  const old = await Promise.all(
    (await outbox.list()).map(async (file) => ({ file, text: await outbox.read(file) })),
  )
  const removed = new Set((await outbox.expire(nowMs)).map(({ name }) => name))
  return old.flatMap(({ file, text }) => {
    const notification = text === undefined ? undefined : parseNotification(text)
    if (!removed.has(file.name) || notification === undefined) return []
    const why = 'was not delivered within a day and is dropped'
    return [{ notification, channel: channelOf(file), why, attempts: file.attempts }]
  })
}

/**
 * Delivers the notifications that are due, each to its channel. One that fails is tried again later with growing waits, for a
 * day, unless its channel says that another attempt cannot succeed.
 * @returns those that failed, and when the next one is due, in milliseconds since the epoch
 * @throws IapeerError `bad-setting`; the Node.js system error
 */
export async function deliverPending(
  root: string,
  env: NodeJS.ProcessEnv,
  now: Date = new Date(),
): Promise<{ readonly failures: readonly DeliveryFailure[]; readonly nextMs: number | undefined }> {
  await takeFormer(root)
  const nowMs = now.getTime()
  const delivery: Delivery = {
    outbox: outboxOf(root),
    channels: await channelsOf(root, env),
    nowMs,
    notes: [],
  }
  const dropped = await expired(delivery)
  const due = (await delivery.outbox.list()).filter(({ dueMs }) => dueMs <= nowMs)
  const failed = await mapLimit(due, AT_ONCE, (file) => attemptOne(file, delivery))
  await noteDeliveries(root, delivery.notes, now)
  const nextMs = (await delivery.outbox.list()).map(({ dueMs }) => dueMs).sort((one, other) => one - other)[0]
  return { failures: [...dropped, ...failed.filter((one) => one !== undefined)], nextMs }
}

/**
 * Delivers a notification without the outbox: for a notice that the outbox could not be written for.
 * @param wanted the names of the channels
 * @returns the channels that it may be tried again for
 * @throws IapeerError `bad-setting`; the Node.js system error if the channels cannot be read
 */
export async function deliverFromMemory(
  root: string,
  notification: Notification,
  {
    wanted,
    env,
    now,
  }: { readonly wanted: ReadonlySet<string>; readonly env: NodeJS.ProcessEnv; readonly now: Date },
): Promise<{ readonly failures: readonly DeliveryFailure[]; readonly again: ReadonlySet<string> }> {
  const channels = (await channelsOf(root, env)).filter(({ name }) => wanted.has(name))
  const results = await mapLimit(channels, AT_ONCE, async ({ name, deliver }) => ({
    name,
    ...(await deliver(notification)),
  }))
  await noteDeliveries(
    root,
    results.map(({ name, ok, answer }) => ({ channel: name, ok, answer })),
    now,
  )
  const failed = results.filter(({ ok }) => !ok)
  return {
    failures: failed.map(({ name, answer }) => ({ notification, channel: name, why: answer, attempts: 1 })),
    again: new Set(failed.flatMap(({ name, retry }) => (retry === true ? [name] : []))),
  }
}
