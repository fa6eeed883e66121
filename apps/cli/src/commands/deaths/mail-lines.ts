import { type InFlight, senderName, viewOf } from '@iapeer/lifecycle/mail'
import { plain } from '../../output.ts'
import { wrap } from '../../wrap.ts'
import { stateWord } from '../mail/message-text.ts'

const MAX_MESSAGES = 10

/** Returns a line for each message in flight: `m_... from ann: taken; now answered`. */
export function mailLines(inFlight: readonly InFlight[], width: number): string[] {
  const shown = inFlight.slice(0, MAX_MESSAGES)
  const lines = shown.map(({ atDeath, message }) => {
    const topic = message.topic === undefined ? '' : `, ${plain(message.topic)}`
    const now = stateWord(viewOf(message))
    return `${message.id} from ${plain(senderName(message.from))}${topic}: ${atDeath.state}; now ${now}`
  })
  const rest = inFlight.length - shown.length
  return [...lines, ...(rest > 0 ? [`and ${rest} more: iapeer mail log`] : [])].map(
    (line) => `  ${wrap(line, width - 4).join('\n    ')}`,
  )
}
