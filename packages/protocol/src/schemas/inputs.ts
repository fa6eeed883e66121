import { ENVELOPE_LIMITS } from '@iapeer/core/envelope'
import { CALLER_VALUE_MAX, CALLER_VARIABLE, isCallerVariable } from '@iapeer/core/exec'
import { PRIORITIES } from '@iapeer/core/mailbox'
import * as z from 'zod/mini'

const LONGEST_MS = 3_600_000
/** The maximum length of a path, PATH_MAX of Linux. */
const PATH_MAX = ENVELOPE_LIMITS.attachmentCharacters

const name = z
  .string()
  .check(z.minLength(1), z.maxLength(64), z.describe('the name or an identity of a peer: bob, claude-bob'))
const upTo = (length: number) => z.string().check(z.minLength(1), z.maxLength(length))

const messageId = z.string().check(z.regex(/^m_[a-z2-7]{16}$/), z.describe('the id of a message: m_…'))

/** The parameters of the path, by kind of path. */
export const PARAMS = {
  name: z.strictObject({ name }),
  id: z.strictObject({ id: upTo(200).check(z.describe('the id of a death')) }),
  messageId: z.strictObject({ id: messageId }),
} as const

/** The parameters of the query, by route. */
export const QUERIES = {
  deaths: z.strictObject({
    since: z
      .optional(z.iso.datetime({ offset: true }))
      .check(z.describe('only deaths at or after this time')),
    peer: z.optional(name),
    limit: z
      ._default(z.coerce.number().check(z.int(), z.minimum(1), z.maximum(10_000)), 1_000)
      .check(z.describe('the maximum number of deaths; the newest are returned')),
  }),
  peerMessages: z.strictObject({
    limit: z
      ._default(z.coerce.number().check(z.int(), z.minimum(1), z.maximum(1_000)), 100)
      .check(z.describe('the maximum number of closed messages; the newest are returned')),
    texts: z
      ._default(z.enum(['true', 'false']), 'false')
      .check(z.describe('whether to include the texts of the messages')),
  }),
  events: z.strictObject({
    peer: z.optional(name),
    ev: z.optional(upTo(64)).check(z.describe('only events of this kind, for example death')),
    cursor: z
      .optional(upTo(256))
      .check(z.describe('resume after the event with this id; the header Last-Event-ID takes precedence')),
  }),
} as const

const runtime = z.optional(z.string()).check(z.describe('^[a-z][a-z0-9]{0,31}$'))
const timeoutMs = z.optional(z.int().check(z.minimum(1), z.maximum(LONGEST_MS)))
const graceMs = z.optional(z.int().check(z.minimum(0), z.maximum(LONGEST_MS)))

/** Only the PATH and locale: any other variable could change what a program does in ways that no person sees. */
const environment = z
  .optional(
    z
      .record(z.string().check(z.regex(CALLER_VARIABLE)), z.string().check(z.maxLength(CALLER_VALUE_MAX)))
      .check(
        z.refine(
          (variables) => Object.entries(variables).every(([name, value]) => isCallerVariable(name, value)),
          {
            message: 'expected a PATH of absolute directories, and locales without control characters',
          },
        ),
      ),
  )
  .check(
    z.describe(
      'the PATH (absolute directories) and locale (LANG, LANGUAGE, LC_*) that the program gets; recorded for its restarts',
    ),
  )

const path = upTo(PATH_MAX)

/** Which conversation a start resumes. */
const conversation = {
  conversation: z
    .optional(upTo(64))
    .check(
      z.describe(
        'resume this conversation: its id, or newest for the newest of the working directory, whichever peer it is of',
      ),
    ),
  orFresh: z
    .optional(z.boolean())
    .check(z.describe('begin a new conversation if that one cannot be resumed; default false: an error')),
}

/** A message. Its limits here are coarse; the library has the exact ones, with a hint for each. */
const message = z.strictObject({
  to: name.check(z.describe('the name or an identity of the recipient')),
  text: upTo(2 * ENVELOPE_LIMITS.messageCharacters).check(
    z.describe(`at most ${ENVELOPE_LIMITS.messageCharacters} characters`),
  ),
  topic: z.optional(upTo(2 * ENVELOPE_LIMITS.topicCharacters)),
  re: z.optional(messageId).check(z.describe('the id of the message that this one answers')),
  attachments: z
    .optional(z.array(path).check(z.maxLength(ENVELOPE_LIMITS.attachments)))
    .check(z.describe('the paths of files to attach; absolute, or relative to cwd')),
  cwd: z.optional(path).check(z.describe('the directory of relative paths of attachments')),
  runtime,
  priority: z
    .optional(z.enum(PRIORITIES))
    .check(z.describe('idle: wait until the recipient does not work; default next')),
  expiresMs: z
    .optional(z.int().check(z.minimum(1_000), z.maximum(30 * 24 * LONGEST_MS)))
    .check(z.describe('return the message if it still waits after this time')),
  callId: z
    .optional(upTo(200))
    .check(z.describe('the id of a tool call: a repeated call stores no second message')),
})

/** The schema of the body of each route that has one. */
export const BODIES = {
  start: z.strictObject({
    ...{ runtime, timeoutMs, environment, ...conversation },
    resume: z
      .optional(z.boolean())
      .check(z.describe('resume the conversation that the peer was in last; default false: a new one')),
    queueMs: graceMs.check(
      z.describe('how long the start may wait for memory or others; default: launch.wait_secs'),
    ),
    now: z.optional(z.boolean()).check(z.describe('start it without waiting for memory or others')),
  }),
  stop: z.strictObject({ timeoutMs: graceMs, force: z.optional(z.boolean()) }),
  new: z.strictObject({ runtime, timeoutMs: graceMs, environment }),
  refresh: z.strictObject({ timeoutMs, ...conversation }),
  wake: z.strictObject({
    runtime,
    topic: z.optional(z.string().check(z.maxLength(1_000))),
    from: z.optional(z.enum(['human', 'agent', 'attach'])),
    resume: z.optional(z.boolean()),
    timeoutMs,
  }),
  reset: z.strictObject({}),
  sendMessage: message,
} as const
