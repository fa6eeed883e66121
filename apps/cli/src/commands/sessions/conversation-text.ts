import type { LaunchView } from '@iapeer/lifecycle/fleet'
import { plain } from '../../output.ts'

/** Returns what a launch did about the conversation, to follow a line about it; empty if there is nothing to say. */
export function conversationText({
  resumed,
  notResumed,
  conversation,
}: Pick<LaunchView, 'conversation' | 'resumed' | 'notResumed'>): string {
  if (notResumed !== undefined) return `\n  with a new conversation: ${plain(notResumed)}`
  return resumed === true && conversation !== undefined ? `\n  resumed its conversation ${conversation}` : ''
}
