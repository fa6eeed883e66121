import type { Personality, Runtime } from '../../identity/identity.ts'
import type { Intelligence } from '../../identity/intelligence.ts'
import type { MessageId } from '../../mailbox/message-id.ts'

/** The limits of an envelope. Characters are Unicode code points. */
export const ENVELOPE_LIMITS = {
  messageCharacters: 16_000,
  topicCharacters: 200,
  attachments: 20,
  /** The length of a path: PATH_MAX of Linux. */
  attachmentCharacters: 4_096,
} as const

/** The longest text of an envelope, in UTF-16 units. */
export const LONGEST_ENVELOPE = 512 * 1024

/** How sure it is that the sender is the one that the envelope states. */
export const FROM_PROOFS = ['bearer', 'ancestor', 'terminal', 'daemon', 'none'] as const
export type FromProof = (typeof FROM_PROOFS)[number]

/** A message between peers. */
export interface Envelope {
  /** Absent in an envelope of an earlier version, and in one that a program wrote by hand. */
  readonly id?: MessageId | undefined
  /** The number of the attempt to deliver it. @default 1 */
  readonly n?: number | undefined
  /** The id of the message that this one answers. */
  readonly re?: MessageId | undefined
  /** Whether it may have been delivered before: `1`, it was; `maybe`, that is unknown. */
  readonly again?: '1' | 'maybe' | undefined
  readonly fromProof?: FromProof | undefined
  readonly fromPersonality: Personality
  readonly fromRuntime: Runtime
  /** Undefined if the envelope states none, or an unknown one. */
  readonly fromIntelligence?: Intelligence | undefined
  /** Local ISO time with its offset (`2026-06-10T17:42:07+02:00`); `17:42:07` in a compact envelope of the same day. */
  readonly ts?: string | undefined
  readonly topic?: string | undefined
  /** One line for the recipient, above the message. */
  readonly instruction?: string | undefined
  /** The paths of the attached files, without line breaks. */
  readonly attachments: readonly string[]
  readonly message: string
}

const FULL_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/
const TIME_ONLY = /^\d\d:\d\d(?::\d\d)?$/

export const isFullTime = (text: string): boolean => FULL_TIME.test(text)
export const isEnvelopeTime = (text: string): boolean => FULL_TIME.test(text) || TIME_ONLY.test(text)

/** Tests whether a text has more than `most` code points. */
function exceeds(text: string, most: number): boolean {
  if (text.length <= most) return false
  let count = 0
  for (const _character of text) if (++count > most) return true
  return false
}

/** Describes the first limit that an envelope exceeds; undefined if there is none. */
export function limitProblem(
  envelope: Pick<Envelope, 'attachments' | 'message' | 'topic'>,
): string | undefined {
  const { messageCharacters, topicCharacters, attachments, attachmentCharacters } = ENVELOPE_LIMITS
  if (exceeds(envelope.message, messageCharacters))
    return `the message has more than ${messageCharacters} characters`
  if (exceeds(envelope.topic ?? '', topicCharacters))
    return `the topic has more than ${topicCharacters} characters`
  if (envelope.attachments.length > attachments) return `there are more than ${attachments} attachments`
  const unusable = envelope.attachments.find((path) => path === '' || exceeds(path, attachmentCharacters))
  if (unusable !== undefined) return 'an attachment is empty or too long'
  return undefined
}

const two = (value: number): string => String(value).padStart(2, '0')

/**
 * Formats a local time with its offset, to the second.
 * @param offsetMinutes minutes east of UTC; by default the offset of this host at that time
 */
export function localIsoTime(at: Date, offsetMinutes: number = -at.getTimezoneOffset()): string {
  const local = new Date(at.getTime() + offsetMinutes * 60_000).toISOString().slice(0, 19)
  const size = Math.abs(offsetMinutes)
  return `${local}${offsetMinutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`
}
