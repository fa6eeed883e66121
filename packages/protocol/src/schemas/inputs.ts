import { CALLER_VALUE_MAX, CALLER_VARIABLE, isCallerVariable } from '@iapeer/core/exec'
import * as z from 'zod/mini'

const LONGEST_MS = 3_600_000

const name = z
  .string()
  .check(z.minLength(1), z.maxLength(64), z.describe('the name or an identity of a peer: bob, claude-bob'))
const upTo = (length: number) => z.string().check(z.minLength(1), z.maxLength(length))

/** The parameters of the path, by kind of path. */
export const PARAMS = {
  name: z.strictObject({ name }),
  id: z.strictObject({ id: upTo(200).check(z.describe('the id of a death')) }),
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

/** The schema of the body of each action. */
export const BODIES = {
  start: z.strictObject({ runtime, timeoutMs, environment }),
  stop: z.strictObject({ timeoutMs: graceMs, force: z.optional(z.boolean()) }),
  new: z.strictObject({ runtime, timeoutMs: graceMs, environment }),
  refresh: z.strictObject({ timeoutMs }),
  wake: z.strictObject({
    runtime,
    topic: z.optional(z.string().check(z.maxLength(1_000))),
    from: z.optional(z.enum(['human', 'agent', 'attach'])),
    resume: z.optional(z.boolean()),
    timeoutMs,
  }),
  reset: z.strictObject({}),
} as const
