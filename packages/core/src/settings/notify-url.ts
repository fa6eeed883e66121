/** The formats of the bodies that notification services accept. */
export const NOTIFY_FORMATS = ['json', 'ntfy', 'slack', 'discord', 'telegram'] as const
export type NotifyFormat = (typeof NOTIFY_FORMATS)[number]

/** Where to post notifications, and in which format. The URL can contain a secret. */
export interface NotifyTarget {
  readonly format: NotifyFormat
  readonly url: URL
}

/** The format of a URL without a prefix, by its host; `json` for every other host. */
const BY_HOST: ReadonlyMap<string, NotifyFormat> = new Map([
  ['ntfy.sh', 'ntfy'],
  ['hooks.slack.com', 'slack'],
  ['discord.com', 'discord'],
  ['discordapp.com', 'discord'],
  ['api.telegram.org', 'telegram'],
])

const isUsable = ({ protocol, username, password }: URL): boolean =>
  /^https?:$/.test(protocol) && username === '' && password === ''

/** Returns whether the service can address a message with this URL: a topic for ntfy, a chat for Telegram. */
function isComplete({ format, url }: NotifyTarget): boolean {
  if (format === 'ntfy') return /[^/]/.test(url.pathname)
  if (format === 'telegram')
    return /^\/bot[^/]+\/sendMessage$/.test(url.pathname) && url.searchParams.has('chat_id')
  return true
}

/**
 * Parses the address of a notification service: an http or https URL, with the format before it (`ntfy+https://host/topic`)
 * unless the host is known. Undefined for any other text.
 */
export function parseNotifyUrl(text: string): NotifyTarget | undefined {
  const [, prefix, address = ''] = /^(?:([a-z]+)\+)?(https?:\/\/.*)$/.exec(text) ?? []
  const named = prefix === undefined ? undefined : NOTIFY_FORMATS.find((one) => one === prefix)
  if ((prefix !== undefined && named === undefined) || !URL.canParse(address)) return undefined
  const url = new URL(address)
  const target = { format: named ?? BY_HOST.get(url.hostname) ?? 'json', url }
  return isUsable(url) && isComplete(target) ? target : undefined
}

/** Splits a list of words that are separated by spaces or commas. */
export const wordsOf = (text: string): string[] => text.split(/[\s,]+/).filter((word) => word !== '')
