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
  /** Whether its conversation can be resumed. `unknown`: it is not known which one it was in. */
  readonly canResume: 'yes' | 'no' | 'unknown'
  /** Why it cannot be resumed. */
  readonly whyNot?: string | undefined
  /** Whether a new conversation may begin where the former one cannot be resumed. */
  readonly orFresh: boolean
  /** Whether the caller asked to resume, even after a crash. */
  readonly resumeAsked: boolean
}

/** How a peer is woken, and the reason, as it is written to lifecycle.log. */
export type WakeMode =
  | { readonly mode: 'fresh' | 'resume'; readonly cause: string }
  | { readonly mode: 'refused'; readonly cause: string }

function cannotResume({ whyNot = 'it has no conversation to resume', orFresh }: WakeFacts): WakeMode {
  return { mode: orFresh ? 'fresh' : 'refused', cause: whyNot }
}

/** Decides whether a peer that does not run resumes its conversation or starts a new one. Pure. */
export function wakeMode(facts: WakeFacts): WakeMode {
  const { lastEnd, from, topic, topics, canResume, resumeAsked } = facts
  if (resumeAsked) return canResume === 'yes' ? { mode: 'resume', cause: 'asked' } : cannotResume(facts)
  if (from === 'attach')
    return canResume === 'yes'
      ? { mode: 'resume', cause: 'attach' }
      : cannotResume({ ...facts, orFresh: false })
  if (lastEnd !== 'idle') return { mode: 'fresh', cause: lastEnd ?? 'first' }
  const isSameTopic = topic !== undefined && topics.includes(topic)
  if (from === 'agent' && !isSameTopic) return { mode: 'fresh', cause: 'another topic' }
  // An earlier version suspended it, or its runtime has no conversations: nothing that is known is left behind.
  if (canResume === 'unknown') return { mode: 'fresh', cause: 'its conversation is not known' }
  if (canResume === 'no') return cannotResume(facts)
  return { mode: 'resume', cause: from === 'human' ? 'idle' : 'same topic' }
}
