import { rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { parseJson } from '@iapeer/core/json'
import { rootLayout } from '@iapeer/core/paths'
import { makePrivateDirectory, namesIn, readRegularFile, replaceFile } from '@iapeer/core/storage'

/** The message about one death, or about the deaths of one incident. */
export interface Notification {
  readonly schemaVersion: 1
  /** The id of the incident or of the death. */
  readonly id: string
  readonly kind: 'death' | 'incident'
  /** One sentence. */
  readonly summary: string
  readonly verdict: string
  readonly confidence: string
  readonly deaths: readonly { readonly id: string; readonly identity?: string }[]
}

export const CHANNEL_NAMES = ['hook', 'desktop', 'webhook'] as const
export type ChannelName = (typeof CHANNEL_NAMES)[number]

/**
 * A notification for one channel: `state/lifecycle/outbox/<id>.<channel>.json`. A process claims it by renaming it to `.taken`
 * before it delivers it, so it is delivered once; a notification that a killed process did not claim is delivered by the next.
 */
export interface PendingNotification {
  readonly path: string
  readonly channel: ChannelName
  readonly notification: Notification
}

/** A `.taken` file older than this is removed. */
const TAKEN_MS = 60_000

const directoryOf = (root: string): string => join(rootLayout(root).lifecycleStateDir, 'outbox')
/** The name of the outbox in earlier versions: its files are delivered, none are added. */
const formerDirectoryOf = (root: string): string => join(rootLayout(root).lifecycleStateDir, 'news')

export const takenPath = (path: string): string => path.replace(/\.json$/, '.taken')

export async function writePending(
  root: string,
  channel: ChannelName,
  notification: Notification,
): Promise<PendingNotification> {
  await makePrivateDirectory(directoryOf(root))
  const path = join(directoryOf(root), `${notification.id.replace(/[^\w-]/g, '_')}.${channel}.json`)
  await replaceFile(path, `${JSON.stringify(notification)}\n`)
  return { path, channel, notification }
}

/** Claims a notification. @returns whether this process is to deliver it */
export async function claimNotification({ path }: PendingNotification): Promise<boolean> {
  try {
    await rename(path, takenPath(path))
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

export async function removePending({ path }: PendingNotification): Promise<void> {
  for (const one of [path, takenPath(path)]) await rm(one, { force: true })
}

const isNotification = (value: unknown): value is Notification =>
  typeof value === 'object' &&
  value !== null &&
  'id' in value &&
  typeof value.id === 'string' &&
  'deaths' in value &&
  Array.isArray(value.deaths) &&
  value.deaths.every((one) => typeof one?.id === 'string')

async function sweepTaken(path: string): Promise<void> {
  const found = await stat(path).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  })
  if (found !== undefined && Date.now() - found.ctimeMs > TAKEN_MS) await rm(path, { force: true })
}

async function pendingIn(directory: string): Promise<PendingNotification[]> {
  const found: PendingNotification[] = []
  for (const name of (await namesIn(directory)).sort()) {
    const path = join(directory, name)
    if (!name.endsWith('.json')) await sweepTaken(path)
    const channel = CHANNEL_NAMES.find((one) => name.endsWith(`.${one}.json`))
    const text = channel === undefined ? undefined : (await readRegularFile(path))?.text
    if (channel === undefined || text === undefined) continue
    const notification = parseJson(text)
    if (!isNotification(notification)) await rm(path, { force: true })
    else found.push({ path, channel, notification })
  }
  return found
}

/** Lists the notifications in the outbox. Removes invalid ones, and old `.taken` files. */
export async function listPending(root: string): Promise<PendingNotification[]> {
  return [...(await pendingIn(formerDirectoryOf(root))), ...(await pendingIn(directoryOf(root)))]
}
