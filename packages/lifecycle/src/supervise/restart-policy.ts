import type { RebootPolicy, RestartPolicy, WakePolicy } from '@iapeer/core/profile'
import type { LastEnd } from '../sessions/index.ts'
import type { DesiredState } from './decide.ts'

/** The fields of a profile that decide what follows the end of a session. */
export interface Policy {
  readonly wakePolicy?: WakePolicy | undefined
  readonly restart?: RestartPolicy | undefined
  readonly afterReboot?: RebootPolicy | undefined
}

/** What follows the end of a session. */
export type NextStep =
  | { readonly kind: 'stay-down' }
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

/** The mode of a restart; undefined where none is wanted. */
function restartMode(policy: Policy, end: LastEnd): 'fresh' | 'resume' | undefined {
  const { wakePolicy, restart = 'no', afterReboot } = policy
  const isKeptAlive = wakePolicy === 'keep-alive'
  if (end === 'reboot') {
    const wanted = afterReboot ?? (isKeptAlive ? 'restart' : 'no')
    if (wanted === 'no') return undefined
    return wanted === 'resume' ? 'resume' : 'fresh'
  }
  // A program that exited with code 0 is done, unless it is to run always.
  const isWanted = isKeptAlive || (end === 'crash' && restart !== 'no')
  if (!isWanted) return undefined
  return restart === 'resume' ? 'resume' : 'fresh'
}

/** How a session ended, and what of it bears on what follows. */
export interface EndOfSession {
  readonly end: LastEnd
  readonly desired: DesiredState
  readonly restarts: number
  /** Whether so many crashes lie so close together. */
  readonly inLoop: boolean
  /** From 0 to 1. */
  readonly chance: number
}

/** What follows the end of a session. Pure. */
export function nextStepOf(policy: Policy, input: EndOfSession): NextStep {
  const { end, desired } = input
  if (desired === 'stay-down') return { kind: 'stay-down' }
  if (desired === 'come-back') return { kind: 'start', mode: 'fresh', afterMs: 0 }
  // Whatever the policy says: from now on its start is refused until it is reset.
  if (input.inLoop && end === 'crash') return { kind: 'crash-loop' }
  if (end === 'stopped' || end === 'idle' || policy.wakePolicy === 'ephemeral') return { kind: 'stay-down' }
  const mode = restartMode(policy, end)
  if (mode === undefined) return { kind: 'stay-down' }
  return { kind: 'start', mode, afterMs: end === 'reboot' ? 0 : backOffMs(input.restarts, input.chance) }
}
