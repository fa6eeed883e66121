import {
  MESSAGE_KINDS,
  MESSAGE_STATES,
  PRIORITIES,
  SENDER_KINDS,
  SENDER_PROOFS,
  TURNS,
  WAYS,
} from '@iapeer/core/mailbox'
import * as z from 'zod/mini'
import { describedText, text, time } from './fields.ts'

const id = z.string()
const state = z
  .enum(MESSAGE_STATES)
  .check(z.describe('taken: proven to be in the conversation of the recipient; see docs/messages.md'))
const why = describedText('why it waits or is returned, or what happened to its turn')

/** What became of a message when it was sent. */
export const receipt = z.object({
  id,
  state,
  isNew: z
    .boolean()
    .check(z.describe('false: the same message was stored before, and nothing was sent again')),
  why,
  note: describedText('one line for the sender'),
  to: z.string(),
  at: time,
})

const sender = z.object({
  kind: z.enum(SENDER_KINDS),
  proof: z.enum(SENDER_PROOFS).check(z.describe('how the sender is known; none: it only states who it is')),
  identity: text,
  gen: text,
})

const attempt = { way: z.enum(WAYS), identity: z.string(), gen: z.string() }

const attachment = z.object({ path: z.string(), bytes: z.int(), sha256: text })

/** A message in a list. */
export const listedMessage = z.object({
  id,
  kind: z.enum(MESSAGE_KINDS),
  from: sender,
  to: z.string(),
  at: time,
  state,
  why,
  turn: z.optional(z.enum(TURNS)).check(z.describe('how the turn that took it goes on')),
  topic: text,
  re: text,
  runtime: text,
  target: describedText('the identity that it is given to'),
  priority: z.enum(PRIORITIES),
  attempts: z.int(),
  answeredBy: text,
  text: describedText('absent where it was not asked for, or was removed because of its age'),
})

const step = z.object({
  step: z.int(),
  at: time,
  state,
  why,
  n: z.optional(z.int()),
  way: z.optional(z.enum(WAYS)),
  identity: text,
  gen: text,
})

/** One message with all that is known about it. */
export const message = z.extend(listedMessage, {
  attachments: z.readonly(z.array(attachment)),
  hops: z.int(),
  attempt: z.optional(
    z.object({
      ...attempt,
      n: z.int(),
      at: time,
      unsure: z
        .optional(z.boolean())
        .check(z.describe('whether neither taking nor absence could be proven in time')),
    }),
  ),
  taken: z.optional(
    z.object({
      ...attempt,
      n: z.int(),
      at: time,
      proof: z.string(),
      where: z.optional(z.literal('left-thread')),
    }),
  ),
  death: describedText('the id of the death that ended its turn'),
  history: z.readonly(z.array(step)),
})
