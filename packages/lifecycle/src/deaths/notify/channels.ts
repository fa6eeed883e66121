import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { mapLimit } from '@iapeer/core/async'
import { errnoOf } from '@iapeer/core/errors'
import { isProgram, runProgram } from '@iapeer/core/exec'
import { rootLayout } from '@iapeer/core/paths'
import { readSwitch, readUrl, SETTINGS } from '@iapeer/core/settings'
import {
  CHANNEL_NAMES,
  type ChannelName,
  claimNotification,
  type Notification,
  type PendingNotification,
  removePending,
  takenPath,
  writePending,
} from './outbox.ts'

/** Time limit of one delivery. */
const LIMIT_MS = 10_000

/** A notification to deliver, and where. */
interface Delivery {
  readonly root: string
  readonly pending: PendingNotification
  readonly env: NodeJS.ProcessEnv
}

interface Channel {
  readonly isWanted: (root: string, env: NodeJS.ProcessEnv) => Promise<boolean>
  /** Returns undefined when it was delivered or another process delivers it, else one line that says why it failed. */
  readonly deliver: (delivery: Delivery) => Promise<string | undefined>
}

const hookOf = (root: string): string => join(rootLayout(root).hooksDir, 'on-death')

async function hasHook(root: string): Promise<boolean> {
  try {
    await lstat(hookOf(root))
    return true
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return false
    throw error
  }
}

/**
 * Claims the notification by renaming it, then executes the hook with it on standard input: the hook runs at most once, even
 * when a process is killed in between. Exits with 0 when another process has claimed it.
 */
const CLAIM_AND_RUN =
  'PATH=$PATH:/usr/bin:/bin mv "$0" "$1" 2>/dev/null || { [ ! -e "$0" ]; exit; }; exec "$2" <"$1"'

/**
 * Runs `<root>/hooks/on-death` with the notification as JSON on its standard input; after ten seconds its process group is
 * killed.
 */
const hook: Channel = {
  isWanted: hasHook,
  deliver: async ({ root, pending, env }) => {
    const { path } = pending
    if (!(await isProgram(hookOf(root))))
      return (await claimNotification(pending)) ? 'hooks/on-death is not executable: chmod +x it' : undefined
    const argv = ['/bin/sh', '-c', CLAIM_AND_RUN, path, takenPath(path), hookOf(root)] as const
    const { exitCode, timedOut, signal } = await runProgram(argv, {
      timeoutMs: LIMIT_MS,
      env,
      ownGroup: true,
    })
    if (exitCode === 0) return undefined
    return timedOut
      ? `hooks/on-death took longer than ${LIMIT_MS / 1_000} s`
      : `hooks/on-death ${exitText(exitCode, signal)}`
  },
}

const exitText = (exitCode: number | undefined, signal: string | undefined): string =>
  exitCode === undefined ? `was killed by ${signal ?? 'a signal'}` : `exited with code ${exitCode}`

/** Shows a notification on the desktop. */
async function notifyDesktop(
  notification: Notification,
  env: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  const argv: readonly [string, ...string[]] =
    process.platform === 'darwin'
      ? [
          'osascript',
          '-e',
          'on run argv',
          '-e',
          'display notification (item 1 of argv) with title "iapeer"',
          '-e',
          'end run',
          notification.summary,
        ]
      : ['notify-send', '--app-name=iapeer', '--', 'iapeer', notification.summary]
  const { exitCode, signal, missing } = await runProgram(argv, { timeoutMs: LIMIT_MS, env })
  if (exitCode === 0) return undefined
  return missing ? `${argv[0]} is not installed` : `${argv[0]} ${exitText(exitCode, signal)}`
}

/** Posts a notification as JSON. The returned text never has the URL, which can contain a secret. */
async function postNotification(notification: Notification, url: URL): Promise<string | undefined> {
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(notification),
      signal: AbortSignal.timeout(LIMIT_MS),
    })
    await answer.body?.cancel()
    return answer.ok ? undefined : `the webhook answered ${answer.status}`
  } catch (error) {
    // The network or the time limit. A message of fetch can contain the URL.
    if (!(error instanceof Error)) return 'the webhook failed'
    return `the webhook failed: ${errnoOf(error.cause) ?? error.name}`
  }
}

/** Wanted with `IAPEER_NOTIFY=1`. */
const desktop: Channel = {
  isWanted: async (_root, env) => readSwitch(env, SETTINGS.desktopNotifications),
  deliver: async ({ pending, env }) =>
    (await claimNotification(pending)) ? notifyDesktop(pending.notification, env) : undefined,
}

/** Wanted with `IAPEER_WEBHOOK_URL`. */
const webhook: Channel = {
  isWanted: async (_root, env) => readUrl(env, SETTINGS.webhookUrl) !== undefined,
  deliver: async ({ pending, env }) => {
    const url = readUrl(env, SETTINGS.webhookUrl)
    return url !== undefined && (await claimNotification(pending))
      ? postNotification(pending.notification, url)
      : undefined
  },
}

const CHANNELS = { hook, desktop, webhook } as const satisfies Record<ChannelName, Channel>

/** Writes a notification to the outbox, once for each channel that is set up. */
export async function enqueueNotification(
  root: string,
  notification: Notification,
  env: NodeJS.ProcessEnv,
): Promise<PendingNotification[]> {
  const pending: PendingNotification[] = []
  for (const channel of CHANNEL_NAMES)
    if (await CHANNELS[channel].isWanted(root, env))
      pending.push(await writePending(root, channel, notification))
  return pending
}

/** How many notifications are delivered at a time: a delivery that hangs delays few others. */
const AT_ONCE = 4

/** A notification that could not be delivered, and why: one line. */
export interface DeliveryFailure {
  readonly pending: PendingNotification
  readonly why: string
}

async function deliverOne(delivery: Delivery): Promise<string | undefined> {
  const { isWanted, deliver } = CHANNELS[delivery.pending.channel]
  try {
    const why = (await isWanted(delivery.root, delivery.env)) ? await deliver(delivery) : undefined
    await removePending(delivery.pending)
    return why
  } catch (error) {
    // A file system error of this notification: the others are still delivered.
    if (errnoOf(error) === undefined || !(error instanceof Error)) throw error
    return error.message
  }
}

/** Delivers notifications, each to its channel. @returns those that failed */
export async function deliverPending(
  root: string,
  all: readonly PendingNotification[],
  env: NodeJS.ProcessEnv,
): Promise<readonly DeliveryFailure[]> {
  const failures = await mapLimit(all, AT_ONCE, async (pending) => {
    const why = await deliverOne({ root, pending, env })
    return why === undefined ? undefined : { pending, why }
  })
  return failures.filter((one) => one !== undefined)
}
