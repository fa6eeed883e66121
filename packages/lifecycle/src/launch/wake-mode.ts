import type { LastEnd } from '../sessions/index.ts'

/** Why a peer is woken: a message of a person, a message of another agent, or a person who wants to attach to its terminal. */
export type Waker = 'human' | 'agent' | 'attach'

/** The input of {@link wakeMode}. */
export interface WakeFacts {
  /** How the last session ended. Undefined: the peer never ran. */
  readonly lastEnd: LastEnd | undefined
  readonly from: Waker
  /** The topic of the message. */
  readonly topic?: string | undefined
  /** The topics of the conversation so far. */
  readonly topics: readonly string[]
  /** Whether the runtime has a conversation to resume. */
  readonly canResume: boolean
  /** Whether the caller asked to resume, even after a crash. */
  readonly resumeAsked: boolean
}

/** How a peer is woken, and the reason, as it is written to lifecycle.log. */
export type WakeMode =
  | { readonly mode: 'fresh' | 'resume'; readonly cause: string }
  | { readonly mode: 'refused'; readonly cause: string }

/** Decides whether a peer that does not run resumes its conversation or starts a new one. Pure. */
export function wakeMode(facts: WakeFacts): WakeMode {
  const { lastEnd, from, topic, topics, canResume, resumeAsked } = facts
  if (resumeAsked && canResume) return { mode: 'resume', cause: 'asked' }
  if (from === 'attach')
    return canResume
      ? { mode: 'resume', cause: 'attach' }
      : { mode: 'refused', cause: 'it has no conversation to resume' }
  if (lastEnd !== 'idle') return { mode: 'fresh', cause: lastEnd ?? 'first' }
  if (!canResume) return { mode: 'fresh', cause: 'its conversation no longer exists' }
  if (from === 'human') return { mode: 'resume', cause: 'idle' }
  return topic !== undefined && topics.includes(topic)
    ? { mode: 'resume', cause: 'same topic' }
    : { mode: 'fresh', cause: 'another topic' }
}
