import type { NotifyFormat, NotifyTarget } from '@iapeer/core/settings'
import type { Notification, NotificationKind } from './notification.ts'

/** A request to a notification service. */
export interface Post {
  readonly url: URL
  readonly body: object
}

const DISCORD_MAX = 2_000
const TELEGRAM_MAX = 4_096

/** Cuts a text to a number of UTF-16 units, not within a character. */
const cut = (text: string, max: number): string =>
  text.length <= max ? text : `${text.slice(0, max - 1).replace(/[\ud800-\udbff]$/, '')}…`

const TITLES = {
  death: 'iapeer: a peer died',
  'gave-up': 'iapeer: gave up on a peer',
  incident: 'iapeer: several peers died',
  restarted: 'iapeer: a peer was restarted',
  recovered: 'iapeer: a peer has recovered',
  blocked: 'iapeer: a peer waits for you',
  mute: 'iapeer: an agent cannot answer',
  'daemon-problem': 'iapeer: a problem of the daemon',
} as const satisfies Record<NotificationKind, string>

/** Returns a notification as plain text, at most four lines. */
function textOf({ summary, next, lastLine }: Notification): string {
  return [summary, next, lastLine === undefined ? undefined : `last line: ${lastLine}`]
    .filter((line) => line !== undefined)
    .join('\n')
}

const URGENT: ReadonlySet<NotificationKind> = new Set(['gave-up', 'incident', 'daemon-problem'])
const QUIET: ReadonlySet<NotificationKind> = new Set(['restarted', 'recovered'])

/** The priorities of ntfy: 5 wakes, 3 is its default, 2 makes no sound. */
function priorityOf(kind: NotificationKind): number {
  if (URGENT.has(kind)) return 5
  return QUIET.has(kind) ? 2 : 4
}

// https://docs.ntfy.sh/publish/#publish-as-json: JSON is posted to the address above the topic.
function ntfy(notification: Notification, address: URL): Post {
  const parts = address.pathname.split('/').filter((part) => part !== '')
  const url = new URL(address)
  url.pathname = `/${parts.slice(0, -1).join('/')}`
  const { kind } = notification
  return {
    url,
    body: {
      topic: decodeURIComponent(parts.at(-1) ?? ''),
      title: TITLES[kind],
      message: textOf(notification),
      priority: priorityOf(kind),
      tags: [QUIET.has(kind) ? 'white_check_mark' : 'rotating_light'],
    },
  }
}

// https://docs.slack.dev/messaging/formatting-message-text: these three characters are control characters of its markup.
const slackText = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

// https://core.telegram.org/bots/api#sendmessage
function telegram(notification: Notification, address: URL): Post {
  const url = new URL(address)
  const options = Object.fromEntries(url.searchParams)
  url.search = ''
  const text = cut(`${TITLES[notification.kind]}\n${textOf(notification)}`, TELEGRAM_MAX)
  return { url, body: { ...options, text } }
}

const FORMATS = {
  json: (notification, url) => ({ url, body: notification }),
  ntfy,
  slack: (notification, url) => ({
    url,
    body: { text: slackText(`*${TITLES[notification.kind]}*\n${textOf(notification)}`) },
  }),
  // allowed_mentions: a line of a screen that reads @everyone notifies no one.
  discord: (notification, url) => ({
    url,
    body: {
      content: cut(`**${TITLES[notification.kind]}**\n${textOf(notification)}`, DISCORD_MAX),
      allowed_mentions: { parse: [] },
    },
  }),
  telegram,
} as const satisfies Record<NotifyFormat, (notification: Notification, url: URL) => Post>

/** Returns the request that delivers a notification to a service. */
export const postOf = (notification: Notification, { format, url }: NotifyTarget): Post =>
  FORMATS[format](notification, url)

/** Describes an address without its secrets: `https://hooks.slack.com/…`. */
export const maskedUrl = ({ origin, pathname, search }: URL): string =>
  pathname === '/' && search === '' ? `${origin}/` : `${origin}/…`
