import {
  DEFAULT_NOTIFY_WORDS,
  NOTIFY_WORDS,
  type NotifyWord,
  QUIET_HOURS,
  readText,
  SETTINGS,
  wordsOf,
} from '@iapeer/core/settings'
import type { JudgedDeath } from '../judge.ts'
import type { NotificationKind } from './notification.ts'

type Env = NodeJS.ProcessEnv

/** Reads what is notified (`IAPEER_NOTIFY_KINDS`). @throws IapeerError `bad-setting` */
export function notifiedWords(env: Env): ReadonlySet<NotifyWord> {
  const words = wordsOf(readText(env, SETTINGS.notifyKinds) ?? DEFAULT_NOTIFY_WORDS)
  return new Set(NOTIFY_WORDS.filter((one) => words.includes(one)))
}

/** Returns whether a kind is notified. For a death, `isRestarted` decides between `death` and `death-not-restarted`. */
export function isNotified(
  words: ReadonlySet<NotifyWord>,
  kind: NotificationKind,
  isRestarted: boolean,
): boolean {
  if (words.has('all') || words.has(kind)) return true
  return kind === 'death' && !isRestarted && words.has('death-not-restarted')
}

const EXIT_0: ReadonlySet<string> = new Set(['agent-exited', 'exited'])

/** Returns whether a program exited with code 0: it was done. */
function isNormalExit({ record, judged }: JudgedDeath): boolean {
  if (!EXIT_0.has(judged.verdict)) return false
  return record.event === 'session-exit'
    ? record.exitCode === 0
    : record.mode === 'guard' && record.waitStatus === 0
}

/** The options of tmux itself that have a value. */
const WITH_VALUE: ReadonlySet<string> = new Set(['-c', '-f', '-L', '-S', '-T'])
const ATTACHING: ReadonlySet<string> = new Set(['a', 'at', 'attach', 'attach-session', 'new', 'new-session'])

/**
 * Returns whether a command line is a tmux client that attaches to a session, and runs no other tmux command. A client in control
 * mode (`-C`) is a program, not a terminal; `-CC` is the control mode of a terminal program.
 */
function isAttached(command: string): boolean {
  const [program = '', ...words] = command.split(' ').filter((word) => word !== '')
  if (!/(?:^|\/)tmux$/.test(program) || /;|\bkill/.test(command)) return false
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ''
    if (!word.startsWith('-')) return ATTACHING.has(word)
    if (word === '-C') return false
    if (WITH_VALUE.has(word)) at++
  }
  // Without a command, tmux creates a session and attaches to it.
  return true
}

/**
 * Returns whether a person ended a peer in its own terminal: the process that ran the kill command is a client that was attached
 * to the server (prefix x, prefix &).
 */
const isByOwnTerminal = ({ judged }: JudgedDeath): boolean =>
  judged.verdict === 'killed-by-command' && judged.killer !== undefined && isAttached(judged.killer.command)

/** Returns whether a death needs no person: its program was done, or a person ended it in its own terminal. */
export const isExpected = (death: JudgedDeath): boolean => isNormalExit(death) || isByOwnTerminal(death)

/** Kinds that do not wait for the end of the quiet hours. */
const URGENT: ReadonlySet<NotificationKind> = new Set(['gave-up', 'incident', 'daemon-problem'])

function at(now: Date, hours: number, minutes: number): Date {
  const time = new Date(now)
  time.setHours(hours, minutes, 0, 0)
  return time
}

/**
 * Returns when to send a notification, in milliseconds since the epoch: now, or at the end of the quiet hours
 * (`IAPEER_QUIET_HOURS`, local time) that now is in.
 * @throws IapeerError `bad-setting`
 */
export function sendAtMs(env: Env, kind: NotificationKind, now: Date): number {
  const [, ...numbers] = QUIET_HOURS.exec(readText(env, SETTINGS.quietHours) ?? '') ?? []
  const [fromHour = 0, fromMinute = 0, toHour = 0, toMinute = 0] = numbers.map(Number)
  if (numbers.length === 0 || URGENT.has(kind)) return now.getTime()
  const from = at(now, fromHour, fromMinute)
  const to = at(now, toHour, toMinute)
  const isOvernight = from > to
  const isQuiet = isOvernight ? now >= from || now < to : now >= from && now < to
  if (!isQuiet) return now.getTime()
  if (isOvernight && now >= from) to.setDate(to.getDate() + 1)
  return to.getTime()
}
