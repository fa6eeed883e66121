import { isAbsolute } from 'node:path'
import * as z from 'zod/mini'
import { jsonErrorText } from '../codec/json-error.ts'
import { IapeerError } from '../errors/index.ts'
import { isPersonality, isRuntime, type Personality, type Runtime } from '../identity/identity.ts'
import { defaultIntelligence, type Intelligence, readIntelligence } from '../identity/intelligence.ts'
import { isMailboxId, type MailboxId } from '../mailbox/message-id.ts'
import { interfacesSchema } from './interfaces.ts'
import { limitsSchema } from './limits-schema.ts'
import { PERMISSIONS } from './permissions.ts'
import {
  DESCRIPTION_MAX,
  type PeerProfile,
  REBOOT_POLICIES,
  RESTART_POLICIES,
  type RebootPolicy,
  type RestartPolicy,
  WAKE_POLICIES,
} from './profile.ts'

const personality = z.custom<Personality>(
  isPersonality,
  'a lower-case letter, then letters, digits or dashes, at most 32',
)
const runtime = z.custom<Runtime>(isRuntime, 'a lower-case letter, then letters or digits, at most 32')
const line = (what: string) =>
  z.string(what).check(z.refine((text) => !text.includes('\0'), 'no NUL character'))
const words = z
  .array(line('a list of texts'), 'a list of texts: the program and its arguments')
  .check(z.refine(([program]) => program !== undefined && program !== '', 'at least the program'))

/** The values of `after_death`, the former name of `restart`. */
const FORMER_POLICIES = ['asleep', 'restart', 'resume'] as const
const RESTART_OF = {
  asleep: 'no',
  restart: 'on-failure',
  resume: 'resume',
} as const satisfies Record<(typeof FORMER_POLICIES)[number], RestartPolicy>

const schema = z.object({
  personality,
  default_runtime: z.optional(runtime),
  runtime: z.optional(runtime),
  runtimes: z.optional(z.array(runtime, 'a list of runtimes')),
  description: z.optional(
    z
      .string('a text')
      .check(
        z.refine((text) => [...text].length <= DESCRIPTION_MAX, `at most ${DESCRIPTION_MAX} characters`),
      ),
  ),
  intelligence: z.optional(
    z.custom<string>((value) => readIntelligence(value) !== undefined, 'natural, artificial or absent'),
  ),
  cwd: z.optional(line('a path').check(z.refine(isAbsolute, 'an absolute path'))),
  trusted_cwd: z.optional(line('a path').check(z.refine(isAbsolute, 'an absolute path'))),
  permissions: z.optional(z.enum(PERMISSIONS, PERMISSIONS.join(', '))),
  wake_policy: z.optional(z.enum(WAKE_POLICIES, WAKE_POLICIES.join(' or '))),
  restart: z.optional(z.enum(RESTART_POLICIES, RESTART_POLICIES.join(', '))),
  after_death: z.optional(z.enum(FORMER_POLICIES, FORMER_POLICIES.join(', '))),
  after_reboot: z.optional(z.enum([...REBOOT_POLICIES, 'asleep'], REBOOT_POLICIES.join(', '))),
  idle_secs: z.optional(z.number('a number of seconds').check(z.gte(0, 'not below 0'))),
  initial_prompt: z.optional(line('a text')),
  limits: limitsSchema,
  mailbox: z.optional(z.custom<MailboxId>(isMailboxId, 'the name of a mailbox, 10 letters and digits')),
  interfaces: interfacesSchema,
  command: z.optional(words),
})

type Raw = z.infer<typeof schema>

/** Returns the intelligence that a profile states, else that of its runtime. */
function intelligenceOf(raw: Raw, defaultRuntime: Runtime): Intelligence {
  return readIntelligence(raw.intelligence) ?? defaultIntelligence(defaultRuntime)
}

const restartOf = ({ restart, after_death }: Raw): RestartPolicy | undefined =>
  restart ?? (after_death === undefined ? undefined : RESTART_OF[after_death])

const afterRebootOf = ({ after_reboot }: Raw): RebootPolicy | undefined =>
  after_reboot === 'asleep' ? 'no' : after_reboot

function profileOf(raw: Raw, defaultRuntime: Runtime): PeerProfile {
  const listed = raw.runtimes ?? []
  return {
    personality: raw.personality,
    defaultRuntime,
    runtimes: listed.includes(defaultRuntime) ? [...new Set(listed)] : [defaultRuntime, ...new Set(listed)],
    description: raw.description ?? '',
    intelligence: intelligenceOf(raw, defaultRuntime),
    cwd: raw.cwd,
    trustedCwd: raw.trusted_cwd,
    permissions: raw.permissions,
    wakePolicy: raw.wake_policy,
    restart: restartOf(raw),
    afterReboot: afterRebootOf(raw),
    idleSecs: raw.idle_secs,
    initialPrompt: raw.initial_prompt,
    limits: raw.limits,
    mailbox: raw.mailbox,
    interfaces: raw.interfaces ?? {},
    command: raw.command,
  }
}

function invalid(where: string, problems: readonly string[], cause?: unknown): IapeerError {
  return new IapeerError(`${where} is not a valid profile: ${problems.join('; ')}`, {
    code: 'invalid-profile',
    hint: 'Correct that file; iapeer did not change it.',
    ...(cause === undefined ? {} : { cause }),
  })
}

function parseJson(text: string, where: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return value
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new IapeerError(jsonErrorText(text, where), {
      code: 'corrupt-profile',
      hint: 'Correct that file, or restore a copy; iapeer did not change it.',
      cause: error,
    })
  }
}

/**
 * Parses the text of a profile. The default runtime is `default_runtime`, else the older `runtime`, else the first of
 * `runtimes`.
 * @param where the name of the file in errors
 * @throws IapeerError `corrupt-profile` (not JSON), `invalid-profile` (lists each invalid field and what it must be)
 */
export function parseProfile(text: string, where: string): PeerProfile {
  const value = parseJson(text, where)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(where, ['it is not a JSON object'])
  const result = z.safeParse(schema, value)
  if (!result.success)
    throw invalid(
      where,
      result.error.issues.map((issue) => `${issue.path.join('.')}: must be ${issue.message}`),
      result.error,
    )
  const raw = result.data
  const defaultRuntime = raw.default_runtime ?? raw.runtime ?? raw.runtimes?.[0]
  if (defaultRuntime === undefined) throw invalid(where, ['default_runtime: is missing'])
  return profileOf(raw, defaultRuntime)
}
