import * as z from 'zod/mini'
import { describedText, time } from './fields.ts'

/** What an agent does, and when that was seen. */
export const turn = z.object({
  state: z
    .enum(['working', 'idle', 'blocked', 'mute', 'unknown'])
    .check(z.describe('blocked: a dialog waits for a person; mute: it cannot answer; see docs/states.md')),
  source: z.enum([
    'launch',
    'sessions-file',
    'hook',
    'transcript',
    'app-server',
    'rollout',
    'screen',
    'output',
    'process',
    'none',
  ]),
  since: z.optional(time),
  dialog: describedText('when blocked: the dialog, in the words of the program'),
  cause: z
    .optional(
      z.enum([
        'rate-limit',
        'quota',
        'authentication',
        'overload',
        'server',
        'model',
        'network',
        'request',
        'other',
      ]),
    )
    .check(z.describe('when mute: why')),
  hasShell: z
    .optional(z.boolean())
    .check(z.describe('whether a shell runs that the agent has started in the background')),
  failedAt: z.optional(time).check(z.describe('when mute: when its last turn failed')),
  detail: describedText('when mute: what the server said (HTTP 429); when unknown: why'),
  seenAt: time,
})
