import { iapeerRoot } from '@iapeer/core/paths'
import { readText, SETTINGS } from '@iapeer/core/settings'
import { daemonStatus } from '@iapeer/host'
import { channelsOf, listPending, notifiedWords } from '@iapeer/lifecycle/deaths'
import { defineCommand } from '../../define-command.ts'
import { localTime, paint, plain, print, printJson } from '../../output.ts'
import { JSON_OUTPUT } from '../options.ts'

interface ListedChannel {
  readonly name: string
  readonly where: string
}

const SET_UP = [
  'Set up a channel in the environment of the daemon, or write a hook:',
  '  IAPEER_NOTIFY_URLS=https://ntfy.sh/<topic>   ntfy; Slack, Discord, Telegram and JSON: docs/notifications.md',
  '  IAPEER_NOTIFY=1                              the desktop',
]

function daemonLine(isRunning: boolean): string {
  return isRunning
    ? 'These are the channels of the running daemon.'
    : 'No daemon is running, so no notification is sent: iapeer daemon start. These are the channels of this shell.'
}

export default defineCommand({
  name: 'notify list',
  summary: 'print where notifications go, what is notified, and how many wait',
  options: { json: JSON_OUTPUT },
  run: async ({ options }) => {
    const root = iapeerRoot()
    const status = await daemonStatus(root)
    const ofDaemon = status.state === 'running' ? status.notifications : undefined
    const own = await channelsOf(root, process.env)
    const channels: readonly ListedChannel[] = ofDaemon ?? own.map(({ name, where }) => ({ name, where }))
    const kinds = [...notifiedWords(process.env)]
    const quietHours = readText(process.env, SETTINGS.quietHours)
    const waiting = (await listPending(root)).map(({ channel, notification, attempts, dueMs }) => ({
      id: notification.id,
      channel,
      attempts,
      due: new Date(dueMs).toISOString(),
    }))
    if (options.json) {
      printJson({ schemaVersion: 2, daemon: ofDaemon !== undefined, channels, kinds, quietHours, waiting })
      return
    }
    print(daemonLine(ofDaemon !== undefined))
    for (const { name, where } of channels) print(`${paint('green', '●')} ${name}  ${plain(where)}`)
    if (channels.length === 0) {
      print(`${paint('dim', '○')} none is set up`)
      for (const line of SET_UP) print(line)
    }
    print(`Notified: ${kinds.join(', ')}${quietHours === undefined ? '' : `; quiet hours ${quietHours}`}`)
    for (const { id, channel, attempts, due } of waiting)
      print(`  waits for ${channel}: ${plain(id)}, ${attempts} attempts, next at ${localTime(due)}`)
  },
})
