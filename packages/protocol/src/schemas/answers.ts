import * as z from 'zod/mini'
import { autopsy, death, deathUsage } from './deaths.ts'
import { text, version } from './fields.ts'
import { launched, outcome, peer, stopped } from './fleet.ts'
import { health } from './health.ts'
import { listedMessage, message, receipt } from './messages.ts'
import { turn } from './turn.ts'

const done = { ...version, peer: z.string() }
const launchResult = z.object({ action: z.enum(['start', 'new']), ...done, session: launched })
const stopResult = z.object({
  action: z.literal('stop'),
  ...done,
  sessions: z.readonly(z.array(stopped)),
})
const outcomeResult = z.object({ action: z.enum(['refresh', 'wake', 'reset']), ...done, outcome })

/** The schema of the answer to each action. */
export const RESULTS = {
  start: launchResult,
  stop: stopResult,
  new: launchResult,
  refresh: outcomeResult,
  wake: outcomeResult,
  reset: outcomeResult,
} as const

/** The schemas of all answers, by their names in the OpenAPI document. */
export const ANSWERS = {
  Fleet: z.object({ ...version, peers: z.readonly(z.array(peer)) }),
  Peer: z.extend(peer, version),
  Deaths: z.object({ ...version, deaths: z.readonly(z.array(death)) }),
  Death: z.extend(death, {
    ...version,
    autopsy,
    usage: z.optional(deathUsage),
    turn: z.optional(turn).check(z.describe('what the agent did before it died')),
  }),
  Events: z.object({
    ...version,
    events: z.readonly(z.array(z.object({ cursor: z.string(), event: z.record(z.string(), z.unknown()) }))),
  }),
  Result: z.discriminatedUnion('action', [launchResult, stopResult, outcomeResult]),
  Receipt: z.extend(receipt, version),
  Message: z.extend(message, version),
  Messages: z.object({ ...version, messages: z.readonly(z.array(listedMessage)) }),
  Health: health,
  Version: z.object({ ...version, name: z.literal('iapeerd'), version: z.string(), node: z.string() }),
  Error: z.object({ error: z.object({ code: z.string(), message: z.string(), hint: text }) }),
} as const
