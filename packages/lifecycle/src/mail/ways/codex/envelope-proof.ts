import { EnvelopeExtractor } from '@iapeer/core/envelope'
import { isMail } from '../../../conversations/index.ts'
import type { ProofRequest } from '../../way.ts'

/**
 * Returns whether a text consists of envelopes, and one of them is that of an attempt: its id and its number are ours. A text that quotes
 * an envelope, before, within or after other text, proves nothing.
 */
export function holdsAttempt(text: string, { id, attempt }: Pick<ProofRequest, 'id' | 'attempt'>): boolean {
  if (!isMail(text)) return false
  const extractor = new EnvelopeExtractor()
  let rest = text
  let isFound = false
  for (const found of [...extractor.push(text), ...extractor.end()]) {
    if (found.kind !== 'envelope' || !rest.startsWith(found.text)) return false
    rest = rest.slice(found.text.length).trimStart()
    isFound ||= found.envelope.id === id && (found.envelope.n ?? 1) === attempt.n
  }
  return isFound && rest === ''
}
