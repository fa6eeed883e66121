import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { isProgram, runProgram } from '@iapeer/core/exec'
import { rootLayout } from '@iapeer/core/paths'
import {
  type NotifyTarget,
  parseNotifyUrl,
  readSwitch,
  readText,
  readUrl,
  SETTINGS,
  wordsOf,
} from '@iapeer/core/settings'
import { maskedUrl } from './formats.ts'
import type { Notification } from './notification.ts'
import { type Delivered, LIMIT_MS, postNotification } from './post.ts'

/** Where notifications go. */
export interface Channel {
  /** `hook`, `desktop`, `webhook`, or the format of an address, with a number from the second on: `ntfy`, `ntfy-2`. */
  readonly name: string
  /** Where it leads, without secrets. */
  readonly where: string
  /** Delivers a notification, within ten seconds. */
  readonly deliver: (notification: Notification) => Promise<Delivered>
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

const exitText = (exitCode: number | undefined, signal: string | undefined): string =>
  exitCode === undefined ? `was killed by ${signal ?? 'a signal'}` : `exited with code ${exitCode}`

/**
 * Runs `<root>/hooks/on-death` with the notification as JSON on its standard input; after ten seconds its process group is
 * killed. A hook that fails is not run again: it may have acted before it failed.
 */
async function runHook(root: string, notification: Notification, env: NodeJS.ProcessEnv): Promise<Delivered> {
  const failed = (why: string): Delivered => ({ ok: false, answer: `hooks/on-death ${why}` })
  if (!(await isProgram(hookOf(root)))) return failed('is not executable: chmod +x it')
  const input = `${JSON.stringify(notification)}\n`
  const options = { timeoutMs: LIMIT_MS, env, ownGroup: true, input }
  const { exitCode, timedOut, signal } = await runProgram([hookOf(root)], options)
  if (exitCode === 0) return { ok: true, answer: 'hooks/on-death exited with code 0' }
  return failed(timedOut ? `took longer than ${LIMIT_MS / 1_000} s` : exitText(exitCode, signal))
}

/** Shows a notification on the desktop: with IAPEER_NOTIFY=1, the setting `notify.desktop`. */
async function notifyDesktop(notification: Notification, env: NodeJS.ProcessEnv): Promise<Delivered> {
  const { summary, next } = notification
  const text = next === undefined ? summary : `${summary} (${next})`
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
          text,
        ]
      : ['notify-send', '--app-name=iapeer', '--', 'iapeer', text]
  const { exitCode, signal, missing } = await runProgram(argv, { timeoutMs: LIMIT_MS, env })
  if (exitCode === 0) return { ok: true, answer: `${argv[0]} exited with code 0` }
  return {
    ok: false,
    answer: missing ? `${argv[0]} is not installed` : `${argv[0]} ${exitText(exitCode, signal)}`,
  }
}

const postTo = (name: string, target: NotifyTarget): Channel => ({
  name,
  where: `${maskedUrl(target.url)} (${target.format})`,
  deliver: (notification) =>
    postNotification(notification, target, name === 'webhook' ? 'the webhook' : name),
})

/** Returns the channels of `IAPEER_NOTIFY_URLS`, named after their formats. */
function addressed(env: NodeJS.ProcessEnv): Channel[] {
  const counts = new Map<string, number>()
  return wordsOf(readText(env, SETTINGS.notifyUrls) ?? '').flatMap((text) => {
    const target = parseNotifyUrl(text)
    if (target === undefined) return []
    const count = (counts.get(target.format) ?? 0) + 1
    counts.set(target.format, count)
    return postTo(count === 1 ? target.format : `${target.format}-${count}`, target)
  })
}

/** Returns the channels that are set up, by the root and the environment. @throws IapeerError `bad-setting` */
export async function channelsOf(root: string, env: NodeJS.ProcessEnv): Promise<readonly Channel[]> {
  const channels: Channel[] = []
  if (await hasHook(root))
    channels.push({
      name: 'hook',
      where: hookOf(root),
      deliver: (notification) => runHook(root, notification, env),
    })
  if (readSwitch(env, SETTINGS.desktopNotifications))
    channels.push({
      name: 'desktop',
      where: process.platform === 'darwin' ? 'osascript' : 'notify-send',
      deliver: (notification) => notifyDesktop(notification, env),
    })
  const webhook = readUrl(env, SETTINGS.webhookUrl)
  const target = webhook && (parseNotifyUrl(webhook.href) ?? { format: 'json' as const, url: webhook })
  if (target !== undefined) channels.push(postTo('webhook', target))
  return [...channels, ...addressed(env)]
}
