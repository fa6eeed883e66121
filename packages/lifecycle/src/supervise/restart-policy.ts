import type { RestartPolicy, WakePolicy } from '@iapeer/core/profile'
import type { LastEnd } from '../sessions/index.ts'
import type { DesiredState } from './decide.ts'

/** How a peer wants to live on, from its profile. */
export interface Policy {
  readonly wakePolicy?: WakePolicy | undefined
  readonly afterDeath?: RestartPolicy | undefined
  readonly afterReboot?: RestartPolicy | undefined
}

/** What follows the end of a session. */
export type NextStep =
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

function wanted(policy: Policy, end: LastEnd): RestartPolicy {
  if (end === 'reboot')
    return policy.afterReboot ?? (policy.wakePolicy === 'keep-alive' ? 'restart' : 'asleep')
  if (policy.wakePolicy === 'keep-alive') return policy.afterDeath === 'resume' ? 'resume' : 'restart'
  // One that has ended by itself with exit code 0 has nothing left to do.
  return end === 'crash' ? (policy.afterDeath ?? 'asleep') : 'asleep'
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
  if (desired === 'stay-down') return { kind: 'asleep' }
  if (desired === 'come-back') return { kind: 'start', mode: 'fresh', afterMs: 0 }
  // Whoever starts it again, and however it is kept: what stays asleep is refused from now on.
  if (input.inLoop && end === 'crash') return { kind: 'crash-loop' }
  if (end === 'stopped' || end === 'idle' || policy.wakePolicy === 'ephemeral') return { kind: 'asleep' }
  const next = wanted(policy, end)
  if (next === 'asleep') return { kind: 'asleep' }
  const mode = next === 'resume' ? 'resume' : 'fresh'
  return { kind: 'start', mode, afterMs: end === 'reboot' ? 0 : backOffMs(input.restarts, input.chance) }
}
