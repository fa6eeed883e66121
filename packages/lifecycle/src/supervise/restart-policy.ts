import type { RebootPolicy, RestartPolicy, WakePolicy } from '@iapeer/core/profile'
import type { LastEnd, MuteCause } from '../sessions/index.ts'
import type { DesiredState } from './decide.ts'

/** The fields of a profile that decide what follows the end of a session. */
export interface Policy {
  readonly wakePolicy?: WakePolicy | undefined
  readonly restart?: RestartPolicy | undefined
  readonly afterReboot?: RebootPolicy | undefined
}

/** What follows the end of a session. */
export type NextStep =
  /** `policy`: its profile asks for no restart. Otherwise it was stopped. */
  | { readonly kind: 'stay-down'; readonly why?: 'policy' }
  | { readonly kind: 'crash-loop' }
  | ({ readonly kind: 'start'; readonly afterMs: number } & StartMode)

/** How a restart begins. */
interface StartMode {
  readonly mode: 'fresh' | 'resume'
  /** Whether it begins a new conversation once it could not resume the former one several times. */
  readonly orFresh?: true
}

const FIRST_MS = 1_000
const MAX_MS = 5 * 60_000

/**
 * Returns how long to wait before a restart, in milliseconds: 1 s, doubled for each earlier restart since the peer was last
 * healthy, at most five minutes, and up to a quarter more or less.
 * @param restarts the number of restarts since the peer was last healthy
 * @param chance from 0 to 1
 */
export function backOffMs(restarts: number, chance: number): number {
  const ms = Math.min(FIRST_MS * 2 ** Math.min(restarts, 20), MAX_MS)
  return Math.round(ms * (0.75 + chance / 2))
}

const MINUTE_MS = 60_000

/**
 * How long the restart of an agent that could not answer waits at least: it would come up before the same wall. A person can start it
 * earlier. An overload passes within minutes; a quota or a login needs hours, or a person.
 */
const MUTE_WAIT_MS = {
  'rate-limit': 5 * MINUTE_MS,
  quota: 30 * MINUTE_MS,
  authentication: 30 * MINUTE_MS,
  overload: 2 * MINUTE_MS,
  server: MINUTE_MS,
  model: 30 * MINUTE_MS,
  network: MINUTE_MS,
  request: 0,
  other: 0,
} as const satisfies Record<MuteCause, number>
/** Returns how a restart begins under a policy that asks for one. */
export function modeOf(policy: RestartPolicy | RebootPolicy): StartMode {
  if (policy === 'resume') return { mode: 'resume' }
  return policy === 'resume-or-fresh' ? { mode: 'resume', orFresh: true } : { mode: 'fresh' }
}

/** Returns the mode of the restart; undefined if the policy asks for none. */
function restartMode(policy: Policy, end: LastEnd): StartMode | undefined {
  const { wakePolicy, restart = 'no', afterReboot } = policy
  const isKeptAlive = wakePolicy === 'keep-alive'
  if (end === 'reboot') {
    const wanted = afterReboot ?? (isKeptAlive ? 'restart' : 'no')
    return wanted === 'no' ? undefined : modeOf(wanted)
  }
  // A program that exited with code 0 is done, unless the profile asks for a restart after every exit.
  const isWanted = isKeptAlive || restart === 'always' || (end === 'crash' && restart !== 'no')
  return isWanted ? modeOf(restart) : undefined
}

/** How a session ended, and the state that decides what follows. */
export interface EndOfSession {
  readonly end: LastEnd
  readonly desired: DesiredState
  readonly restarts: number
  /** Whether the recent crashes make a crash loop. */
  readonly inLoop: boolean
  /** A random number from 0 to 1, which spreads restarts. */
  readonly chance: number
  /** Why the agent could not answer when its session ended. */
  readonly mute?: MuteCause | undefined
  /** For a desired restart: how the command that stopped the session would start it. @default fresh */
  readonly restartMode?: 'fresh' | 'resume' | undefined
}

/** Returns how long the restart waits, in milliseconds. */
function waitMs({ end, restarts, chance, mute }: EndOfSession): number {
  if (end === 'reboot') return 0
  return Math.max(backOffMs(restarts, chance), mute === undefined ? 0 : MUTE_WAIT_MS[mute])
}

/** Decides what follows the end of a session. Pure. */
export function nextStepOf(policy: Policy, input: EndOfSession): NextStep {
  const { end, desired } = input
  if (desired === 'stopped') return { kind: 'stay-down' }
  if (desired === 'restart') return { kind: 'start', mode: input.restartMode ?? 'fresh', afterMs: 0 }
  // This precedes the policy: from now on a start is refused until the crash loop is reset.
  if (input.inLoop && end === 'crash') return { kind: 'crash-loop' }
  if (end === 'stopped' || end === 'idle') return { kind: 'stay-down' }
  const mode = policy.wakePolicy === 'ephemeral' ? undefined : restartMode(policy, end)
  if (mode === undefined) return { kind: 'stay-down', why: 'policy' }
  return { kind: 'start', ...mode, afterMs: waitMs(input) }
}
