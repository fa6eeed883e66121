import { fieldsOf, list, text } from '@iapeer/core/json'
import type { PeerProfile } from '@iapeer/core/profile'
import { readNumber, SETTINGS } from '@iapeer/core/settings'
import type { MailLimits, MailRules } from './policy.ts'

const DAY_MS = 24 * 60 * 60_000

/**
 * The settings of messages; the limits are `IAPEER_MAIL_PAIR_PER_MINUTE`, `IAPEER_MAIL_PAIR_PER_HOUR` and `IAPEER_MAIL_MAX_HOPS`.
 */
export interface MailSettings extends MailLimits {
  /** `IAPEER_MAIL_KEEP_DAYS`, in milliseconds. @default 14 days */
  readonly keepTextMs: number
  /** How long a message may wait or be held: `IAPEER_MAIL_HOLD_DAYS`, in milliseconds. @default 7 days */
  readonly holdMs: number
  /** `IAPEER_MAIL_TURNS_PER_HOUR`. @default 300 */
  readonly turnsPerHour: number
}

/** Reads the settings of messages. @throws IapeerError `bad-setting` */
export function mailSettings(env: NodeJS.ProcessEnv): MailSettings {
  return {
    keepTextMs: readNumber(env, SETTINGS.mailKeepDays) * DAY_MS,
    holdMs: readNumber(env, SETTINGS.mailHoldDays) * DAY_MS,
    pairPerMinute: readNumber(env, SETTINGS.mailPairPerMinute),
    pairPerHour: readNumber(env, SETTINGS.mailPairPerHour),
    turnsPerHour: readNumber(env, SETTINGS.mailTurnsPerHour),
    maxHops: readNumber(env, SETTINGS.mailMaxHops),
  }
}

/** How a program without an adapter of its own gets its messages: `interfaces.mail` of its profile. */
export interface DeclaredMail extends MailRules {
  /** Undefined: the messages wait until `iapeer inbox` reads them. */
  readonly way: 'pane-json' | 'directory' | 'socket' | undefined
  /** The path of the unix socket, for `socket`. */
  readonly socket: string | undefined
}

/** One name may stand alone: a rule that is ignored would let every sender in. */
const names = (value: unknown): readonly string[] =>
  (typeof value === 'string' ? [value] : list(value)).flatMap((one) => text(one) ?? [])

/** Reads `interfaces.mail` of a profile: `{"way": "directory", "accept": ["ann"], "hold": ["*"]}`. Unknown fields are ignored. */
export function declaredMail({ interfaces }: Pick<PeerProfile, 'interfaces'>): DeclaredMail {
  const stated = interfaces['mail']
  const fields = typeof stated === 'string' ? { way: stated } : fieldsOf(stated)
  const way = text(fields['way'])
  return {
    way: way === 'pane-json' || way === 'directory' || way === 'socket' ? way : undefined,
    socket: text(fields['socket']),
    accept: names(fields['accept']),
    hold: names(fields['hold']),
    refuse: names(fields['refuse']),
  }
}
