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

/** How long whoever is told may take. */
const LIMIT_MS = 10_000

/** News that waits to be told: a file that whoever tells it takes first. */
interface Delivery {
  readonly root: string
  readonly pending: PendingNotification
  readonly env: NodeJS.ProcessEnv
}

interface Channel {
  readonly isWanted: (root: string, env: NodeJS.ProcessEnv) => Promise<boolean>
  /** Undefined: told, or somebody else does. Else why it failed, one line. */
  readonly deliver: (notified: Delivery) => Promise<string | undefined>
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
 * Takes the news, then becomes the hook, which reads it: whoever is killed over starting this, the hook runs once. One that
 * somebody else has taken is told by them.
 */
const CLAIM_AND_RUN =
  'PATH=$PATH:/usr/bin:/bin mv "$0" "$1" 2>/dev/null || { [ ! -e "$0" ]; exit; }; exec "$2" <"$1"'

/** `<root>/hooks/on-death`: the news as JSON on its standard input, ten seconds, then it is ended with all it has started. */
const hook: Channel = {
  isWanted: hasHook,
  deliver: async ({ root, pending, env }) => {
    const { path } = pending
    if (!(await isProgram(hookOf(root))))
      return (await claimNotification(pending)) ? 'hooks/on-death cannot be run: chmod +x it' : undefined
    const argv = ['/bin/sh', '-c', CLAIM_AND_RUN, path, takenPath(path), hookOf(root)] as const
    const { exitCode, timedOut, signal } = await runProgram(argv, {
      timeoutMs: LIMIT_MS,
      env,
      ownGroup: true,
    })
    if (exitCode === 0) return undefined
    return timedOut
      ? `hooks/on-death took longer than ${LIMIT_MS / 1_000} s`
      : `hooks/on-death ended with ${exitCode ?? signal}`
  },
}

/** The desktop's own notification. */
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
  const { exitCode, missing } = await runProgram(argv, { timeoutMs: LIMIT_MS, env })
  if (exitCode === 0) return undefined
  return missing ? `there is no ${argv[0]}` : `${argv[0]} ended with ${exitCode}`
}

/** Posts the news as JSON. What it answers never has the address, which may hold a secret. */
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
    // The network or the time limit. A message of fetch can contain the address.
    if (!(error instanceof Error)) return 'the webhook failed'
    return `the webhook failed: ${errnoOf(error.cause) ?? error.name}`
  }
}

/** `IAPEER_NOTIFY=1` */
const desktop: Channel = {
  isWanted: async (_root, env) => readSwitch(env, SETTINGS.desktopNotifications),
  deliver: async ({ pending, env }) =>
    (await claimNotification(pending)) ? notifyDesktop(pending.notification, env) : undefined,
}

/** `IAPEER_WEBHOOK_URL` */
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

/** Lays the news out for everybody who wants to hear. */
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

/** How many notifications are delivered at a time: one that hangs delays few others. */
const AT_ONCE = 4

/** A notification that could not be delivered, and why: one line. */
export interface DeliveryFailure {
  readonly pending: PendingNotification
  readonly why: string
}

async function deliverOne(notified: Delivery): Promise<string | undefined> {
  const { isWanted, deliver } = CHANNELS[notified.pending.channel]
  try {
    const why = (await isWanted(notified.root, notified.env)) ? await deliver(notified) : undefined
    await removePending(notified.pending)
    return why
  } catch (error) {
    // The disk, or a file of this notification: the others are delivered.
    if (errnoOf(error) === undefined || !(error instanceof Error)) throw error
    return error.message
  }
}

/** Delivers notifications, each to its channel, some at a time. @returns those that failed */
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
