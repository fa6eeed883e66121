import type { LaunchOptions } from '../launch/index.ts'

/** Which conversation a person wants to resume. */
export interface ResumeChoice {
  /** Resume the conversation that the peer was in last. */
  readonly resume?: boolean | undefined
  /** Resume this one: its id, or `newest` for the newest of the working directory. */
  readonly conversation?: string | undefined
  /** Begin a new conversation if that one cannot be resumed. */
  readonly orFresh?: boolean | undefined
}

/** Returns the options of a launch for a choice. */
export function resumeOptions({
  resume = false,
  conversation,
  orFresh = false,
}: ResumeChoice): Pick<LaunchOptions, 'resume' | 'orFresh'> {
  if (conversation !== undefined) return { resume: { id: conversation }, ...(orFresh ? { orFresh } : {}) }
  if (!resume && !orFresh) return {}
  return { resume: 'own', ...(orFresh ? { orFresh } : {}) }
}
