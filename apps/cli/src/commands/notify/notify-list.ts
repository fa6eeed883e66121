import { iapeerRoot } from '@iapeer/core/paths'
import { NOTIFY_WORDS, readText, SETTINGS } from '@iapeer/core/settings'
import { daemonStatus } from '@iapeer/host'
import {
  channelsOf,
  isFailing,
  type LastDeliveries,
  lastDeliveries,
  listPending,
  notifiedWords,
} from '@iapeer/lifecycle/deaths'
import { defineCommand } from '../../define-command.ts'
import { localTime, paint, plain, print, printJson } from '../../output.ts'
import { timeText } from '../../times.ts'
import { wrapLines } from '../../wrap.ts'
import { JSON_OUTPUT } from '../options.ts'

interface ListedChannel extends LastDeliveries {
  readonly name: string
  readonly where: string
}

const SET_UP = [
  'Set up a channel, or write a hook (docs/notifications.md):',
  '  iapeer config set notify.urls https://ntfy.sh/<topic>   ntfy; or Slack, Discord, Telegram, JSON',
  '  iapeer config set notify.desktop on                     the desktop',
]

function daemonLine(isRunning: boolean): string {
  return isRunning
    ? 'These are the channels of the running daemon.'
    : 'No daemon is running, so no notification is sent: iapeer daemon start. These are the channels of this shell.'
}

function channelLines({ name, where, deliveredAt, failure }: ListedChannel): string[] {
  const lines = [`${paint('green', '●')} ${name}  ${plain(where)}`]
  if (deliveredAt !== undefined) lines.push(`    last delivered ${timeText(deliveredAt)}`)
  if (failure !== undefined) {
    const text = `    last failure ${timeText(failure.at)}: ${plain(failure.why)}`
    lines.push(isFailing({ deliveredAt, failure }) ? paint('red', text) : text)
  }
  return lines
}

/** Returns what is notified and what is not, by the settings of this process. */
function policyLines(kinds: ReadonlySet<string>, quietHours: string | undefined): string[] {
  const all = NOTIFY_WORDS.filter((one) => one !== 'all')
  const not = kinds.has('all')
    ? []
    : all.filter((one) => !kinds.has(one) && !(one === 'death-not-restarted' && kinds.has('death')))
  const lines = [
    `Notified: ${[...kinds].join(', ')}${quietHours === undefined ? '' : `; quiet hours ${quietHours}`}`,
  ]
  if (not.length > 0) lines.push(`Not notified: ${not.join(', ')} (iapeer config set notify.kinds)`)
  if (!kinds.has('all'))
    lines.push('Never notified: a program that exited with code 0; a peer that you ended in its own terminal')
  return lines
}

function printPlain(listed: readonly ListedChannel[], ofDaemon: boolean): void {
  print(wrapLines(daemonLine(ofDaemon)))
  for (const channel of listed) for (const line of channelLines(channel)) print(wrapLines(line))
  if (listed.length > 0) return
  print(`${paint('dim', '○')} none is set up`)
  for (const line of SET_UP) print(wrapLines(line))
}

export default defineCommand({
  name: 'notify list',
  summary: 'print where notifications go, what is notified, and how many wait',
  options: { json: JSON_OUTPUT },
  run: async ({ options }) => {
    const root = iapeerRoot()
    const status = await daemonStatus(root)
    const ofDaemon = status.state === 'running' ? status.notifications : undefined
    const [own, last] = [await channelsOf(root, process.env), await lastDeliveries(root)]
    const channels: readonly ListedChannel[] =
      ofDaemon ?? own.map(({ name, where }) => ({ name, where, ...last.get(name) }))
    const kinds = notifiedWords(process.env)
    const quietHours = readText(process.env, SETTINGS.quietHours)
    const waiting = (await listPending(root)).map(({ channel, notification, attempts, dueMs }) => ({
      id: notification.id,
      channel,
      attempts,
      due: new Date(dueMs).toISOString(),
    }))
    if (options.json) {
      const daemon = ofDaemon !== undefined
      printJson({ schemaVersion: 2, daemon, channels, kinds: [...kinds], quietHours, waiting })
      return
    }
    printPlain(channels, ofDaemon !== undefined)
    for (const line of policyLines(kinds, quietHours)) print(wrapLines(line))
    for (const { id, channel, attempts, due } of waiting)
      print(`  waits for ${channel}: ${plain(id)}, ${attempts} attempts, next at ${localTime(due)}`)
  },
})
