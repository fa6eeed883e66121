/** What `IAPEER_NOTIFY_KINDS` can name: the kinds of notifications, and `death-not-restarted`, a part of `death`. */
export const NOTIFY_WORDS = [
  'death',
  'death-not-restarted',
  'restarted',
  'recovered',
  'gave-up',
  'incident',
  'blocked',
  'mute',
  'daemon-problem',
  'all',
] as const
export type NotifyWord = (typeof NOTIFY_WORDS)[number]

export const DEFAULT_NOTIFY_WORDS = 'gave-up,incident,blocked,mute,daemon-problem,death-not-restarted'

/** A time of day from 00:00 to 23:59, twice. */
export const QUIET_HOURS = /^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$/
