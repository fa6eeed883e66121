import type { LastEnd } from '../sessions/index.ts'

/** Who wakes a peer: a person's message, another agent's, or somebody who wants to sit down at it. */
export type Waker = 'human' | 'agent' | 'attach'

export interface WakeFacts {
  /** Undefined: it never ran. */
  readonly lastEnd: LastEnd | undefined
  readonly from: Waker
  /** What the message is about. */
  readonly topic?: string | undefined
  /** What its sessions were about. */
  readonly topics: readonly string[]
  /** Whether its runtime finds a session to go on with. */
  readonly canResume: boolean
  /** Whether it was asked to go on after a crash too. */
  readonly resumeAsked: boolean
}

export type WakeMode =
  | { readonly mode: 'fresh' | 'resume'; readonly cause: string }
  | { readonly mode: 'refused'; readonly cause: string }

/** Whether a peer that is down goes on where it was, or begins anew. Pure. */
export function wakeMode(facts: WakeFacts): WakeMode {
  const { lastEnd, from, topic, topics, canResume, resumeAsked } = facts
  if (resumeAsked && canResume) return { mode: 'resume', cause: 'asked' }
  if (from === 'attach')
    return canResume
      ? { mode: 'resume', cause: 'attach' }
      : { mode: 'refused', cause: 'there is no session of it to go on with' }
  if (lastEnd !== 'idle') return { mode: 'fresh', cause: lastEnd ?? 'first' }
  if (!canResume) return { mode: 'fresh', cause: 'its session is not there any more' }
  if (from === 'human') return { mode: 'resume', cause: 'idle' }
  return topic !== undefined && topics.includes(topic)
    ? { mode: 'resume', cause: 'same topic' }
    : { mode: 'fresh', cause: 'another topic' }
}
