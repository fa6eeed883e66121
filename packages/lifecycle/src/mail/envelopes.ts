import { type Envelope, formatCompactEnvelope, localIsoTime } from '@iapeer/core/envelope'
import {
  type Personality,
  parseIdentity,
  type Runtime,
  toPersonality,
  toRuntime,
} from '@iapeer/core/identity'
import type { Message, MessageSender } from '@iapeer/core/mailbox'
import { senderName } from './names.ts'

const RUNTIME_OF = { operator: 'person', daemon: 'iapeerd', unknown: 'unknown' } as const

function senderParts(sender: MessageSender): {
  readonly personality: Personality
  readonly runtime: Runtime
} {
  const parts = sender.identity === undefined ? undefined : parseIdentity(sender.identity)
  if (sender.kind === 'peer' && parts !== undefined) return parts
  const kind = sender.kind === 'peer' ? 'unknown' : sender.kind
  return { personality: toPersonality(senderName({ ...sender, kind })), runtime: toRuntime(RUNTIME_OF[kind]) }
}

/** Returns the envelope of a message for its attempt `n`. The sender comes from the proven sender of the file only. */
export function envelopeOf(
  message: Pick<Message, 'id' | 'from' | 'at' | 'topic' | 're' | 'text' | 'attachments' | 'attempts'> &
    Partial<Pick<Message, 'again'>>,
  n: number,
): Envelope {
  const { personality, runtime } = senderParts(message.from)
  const { kind, proof } = message.from
  return {
    id: message.id,
    n,
    ...(message.re === undefined ? {} : { re: message.re }),
    ...(message.again === undefined ? {} : { again: message.again }),
    fromPersonality: personality,
    fromRuntime: runtime,
    fromIntelligence: kind === 'operator' ? 'natural' : undefined,
    fromProof: proof,
    ts: localIsoTime(new Date(message.at)),
    topic: message.topic,
    attachments: message.attachments.map(({ path }) => path),
    message: message.text,
  }
}

/** Formats the envelope that an agent reads. */
export const envelopeText = (message: Message, n: number, now: Date = new Date()): string =>
  formatCompactEnvelope(envelopeOf(message, n), localIsoTime(now))
