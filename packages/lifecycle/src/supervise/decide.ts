import type { Aftermath, WakePolicy } from '@iapeer/core/profile'
import type { LastEnd } from '../sessions/tally.ts'

/**
 * What can be seen of an enrolled session without asking tmux. `managed`: somebody else holds it up. `server-dead`: its
 * server is gone. `session-gone`: its leader is, and that is recorded. `leader-lost`: its leader is, and nothing is recorded
 * of that. `unresponsive`: its server is stopped.
 */
export type Sight = 'managed' | 'server-dead' | 'session-gone' | 'leader-lost' | 'unresponsive' | 'alive'

/** What was asked of its identity: to stay down, or to come back at once when it has ended. */
export type Wish = 'stay-down' | 'come-back' | 'none'

/**
 * What a session that lives is at, the first that holds. `done`: an ephemeral worker that has worked and is silent, or never
 * came to work. `idle`: longer than it may be, with nobody attached.
 */
export type Work = 'done' | 'idle' | 'busy'

/**
 * `leave`: nothing. `finish`: have the end of its leader recorded. `settle`: count its end; what follows is up to its policy.
 * `relaunch`: settle it, and bring it up. `tell`: say that it does not answer. `reap`: take it down, it is done. `park`: take
 * it down, to go on where it was. `keep`: see that its recorder lives.
 */
export type Action = 'leave' | 'finish' | 'settle' | 'relaunch' | 'tell' | 'reap' | 'park' | 'keep'

const ENDED = { 'stay-down': 'settle', 'come-back': 'relaunch', none: 'settle' } as const
const whateverIsWished = <One extends Action>(action: One) =>
  ({ 'stay-down': action, 'come-back': action, none: action }) as const

const NOT_ALIVE = {
  managed: whateverIsWished('leave'),
  'server-dead': ENDED,
  'session-gone': ENDED,
  'leader-lost': whateverIsWished('finish'),
  unresponsive: whateverIsWished('tell'),
} as const satisfies Record<Exclude<Sight, 'alive'>, Record<Wish, Action>>

/** Who asked for it takes it down themselves; until then it lives. */
const ALIVE = {
  'stay-down': { done: 'keep', idle: 'keep', busy: 'keep' },
  'come-back': { done: 'keep', idle: 'keep', busy: 'keep' },
  none: { done: 'reap', idle: 'park', busy: 'keep' },
} as const satisfies Record<Wish, Record<Work, Action>>

export interface Observation {
  readonly sight: Sight
  readonly wish: Wish
  readonly work: Work
}

/** What to do about one enrolled session. Pure. */
export function decide({ sight, wish, work }: Observation): Action {
  return sight === 'alive' ? ALIVE[wish][work] : NOT_ALIVE[sight][wish]
}

/** How a peer wants to live on, from its profile. */
export interface Policy {
  readonly wakePolicy?: WakePolicy | undefined
  readonly afterDeath?: Aftermath | undefined
  readonly afterReboot?: Aftermath | undefined
}

/** What follows the end of a session. */
export type Sequel =
  | { readonly kind: 'asleep' }
  | { readonly kind: 'crash-loop' }
  | { readonly kind: 'start'; readonly mode: 'fresh' | 'resume'; readonly afterMs: number }

const FIRST_MS = 1_000
const LONGEST_MS = 5 * 60_000

/**
 * How long to wait before a restart: 1 s, doubled for each that came before without a healthy time between, at most five
 * minutes, and a quarter more or less.
 * @param chance from 0 to 1
 */
export function backOffMs(restarts: number, chance: number): number {
  const ms = Math.min(FIRST_MS * 2 ** Math.min(restarts, 20), LONGEST_MS)
  return Math.round(ms * (0.75 + chance / 2))
}

function wanted(policy: Policy, end: LastEnd): Aftermath {
  if (end === 'reboot')
    return policy.afterReboot ?? (policy.wakePolicy === 'keep-alive' ? 'restart' : 'asleep')
  if (policy.wakePolicy === 'keep-alive') return policy.afterDeath === 'resume' ? 'resume' : 'restart'
  // One that has ended by itself with exit code 0 has nothing left to do.
  return end === 'crash' ? (policy.afterDeath ?? 'asleep') : 'asleep'
}

/** What follows the end of a session that nobody asked to end. Pure. */
export function sequelOf(
  policy: Policy,
  end: LastEnd,
  so: { readonly restarts: number; readonly inLoop: boolean; readonly chance: number },
): Sequel {
  if (end === 'stopped' || end === 'idle' || policy.wakePolicy === 'ephemeral') return { kind: 'asleep' }
  if (so.inLoop && end === 'crash') return { kind: 'crash-loop' }
  const next = wanted(policy, end)
  if (next === 'asleep') return { kind: 'asleep' }
  const mode = next === 'resume' ? 'resume' : 'fresh'
  return { kind: 'start', mode, afterMs: end === 'reboot' ? 0 : backOffMs(so.restarts, so.chance) }
}
