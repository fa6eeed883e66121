import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, IapeerError, isIapeerError } from '@iapeer/core/errors'
import { checkProgram } from '@iapeer/core/exec'
import { formatIdentity, type IdentityParts, type Runtime } from '@iapeer/core/identity'
import { rootLayout } from '@iapeer/core/paths'
import type { PeerProfile, Permissions } from '@iapeer/core/profile'
import type { PeerEntry } from '@iapeer/core/registry'
import {
  adapterOf,
  hasPermissions,
  type LaunchMail,
  type LaunchRequest,
  permissionsOf,
  type RuntimeAdapter,
  readLaunchEnv,
} from '../runtimes/index.ts'
import { hashOfBearer, type PinnedConversation, type SessionMail } from '../sessions/index.ts'
import { type LaunchEnvironment, launchEnvironment } from './launch-environment.ts'
import type { LaunchOptions } from './options.ts'
import { type ConversationPlan, planConversation, resolvePinned } from './plan-conversation.ts'
import type { Resolution } from './resolve-conversation.ts'

/** The input of {@link planLaunch}. */
export interface PlanInput {
  readonly root: string
  readonly adapter: RuntimeAdapter
  readonly entry: PeerEntry
  readonly parts: IdentityParts
  readonly profile: PeerProfile
  readonly systemPromptFile: string | undefined
  readonly options: LaunchOptions
  /** Undefined for a launch that is only checked, and for a session without a place for its files. */
  readonly mail?: LaunchMail | undefined
  /** Why a session has no place for its files. */
  readonly withoutMail?: string | undefined
}

/** The command line and environment of a launch. */
export interface LaunchPlan {
  readonly argv: readonly string[]
  readonly env: NodeJS.ProcessEnv
  /** The id of the conversation to resume. */
  readonly resumed: string | undefined
  /** The conversation that the session is pinned to. Undefined for a runtime without conversations. */
  readonly conversation: PinnedConversation | undefined
  /** Why a new conversation begins although one was to be resumed. */
  readonly notResumed: string | undefined
  /** Undefined for a runtime without permissions. */
  readonly permissions: Permissions | undefined
  readonly mail: SessionMail | undefined
  /** Why the session is launched without messages, if it is. */
  readonly withoutMail: string | undefined
}

/** Returns the path of the log that holds the output of a peer's pane. */
export const paneLogOf = (root: string, parts: IdentityParts): string =>
  join(rootLayout(root).paneLogDir, `${formatIdentity(parts)}.log`)

async function checkCwd(cwd: string): Promise<void> {
  try {
    if ((await stat(cwd)).isDirectory()) return
  } catch (error) {
    const code = errnoOf(error)
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error
  }
  throw new IapeerError(`the working directory does not exist: ${cwd}`, {
    code: 'cwd-missing',
    hint: 'Create it, or change "cwd" in peer-profile.json.',
  })
}

function checkIntelligence(adapter: RuntimeAdapter, { personality, intelligence }: PeerProfile): void {
  const required = adapter.requiresIntelligence
  if (required === undefined || required === intelligence) return
  throw new IapeerError(
    `the runtime ${adapter.name} requires "intelligence": "${required}"; ${personality} has "${intelligence}"`,
    {
      code: 'wrong-intelligence',
      hint: `Change "intelligence" in peer-profile.json, or remove ${adapter.name} from "runtimes" there.`,
    },
  )
}

/** Checks that a program can be run. The error says which PATH was searched. @throws IapeerError `command-not-found` */
async function assertProgram(
  program: string,
  cwd: string,
  { env, pathSource }: LaunchEnvironment,
): Promise<void> {
  const path = env['PATH'] ?? ''
  try {
    await checkProgram(program, path, cwd)
  } catch (error) {
    if (!isIapeerError(error) || error.code !== 'command-not-found' || program.includes('/')) throw error
    throw new IapeerError(`program not found: ${program}, in the PATH of ${pathSource}`, {
      code: 'command-not-found',
      hint: `Install it; or start the peer in a shell whose PATH contains its directory (a running peer keeps its PATH: stop it first); or set PATH in .iapeer/runtimes/<runtime>/launch.env of its home. Looked in ${path}.`,
      cause: error,
    })
  }
}

/** Returns whether a launch with these options could resume the conversation of a peer. */
export async function resolveOwn(
  root: string,
  { home, cwd, personality }: PeerEntry,
  { runtime, ...options }: LaunchOptions & { readonly runtime: Runtime },
): Promise<Resolution> {
  const parts = { runtime, personality }
  const launchEnv = await readLaunchEnv(home, runtime)
  const { env } = await launchEnvironment(root, parts, { home, launchEnv, ...options })
  const location = { env, cwd, paneLog: paneLogOf(root, parts) }
  return resolvePinned({ root, parts, adapter: adapterOf(runtime), location })
}

/** Returns the conversation that a session is pinned to at its launch. */
function pinnedBy(
  plan: ConversationPlan,
  adapter: RuntimeAdapter,
  request: LaunchRequest,
): PinnedConversation | undefined {
  if (adapter.conversations === undefined) return undefined
  if (plan.kind === 'resume') return { id: plan.id, hasTurn: true, resumed: true }
  return adapter.conversations.isNamed(request) ? { id: request.mail?.conversation } : {}
}

/**
 * Returns what to run, and checks before anything is started that the program and its directory exist.
 * @throws IapeerError `wrong-intelligence`, `cwd-missing`, `command-missing`, `command-not-found`, `invalid-launch-env`,
 *   `path-directory-missing`, those of `planConversation`
 */
export async function planLaunch(launch: PlanInput): Promise<LaunchPlan> {
  const { root, adapter, entry, parts, profile, systemPromptFile, options } = launch
  const { home, cwd } = entry
  checkIntelligence(adapter, profile)
  const launchEnv = await readLaunchEnv(home, parts.runtime)
  const environment = await launchEnvironment(root, parts, { home, launchEnv, ...options })
  const { env } = environment
  await checkCwd(cwd)
  const location = { env, cwd, paneLog: paneLogOf(root, parts) }
  const conversation = await planConversation({ root, parts, adapter, location }, options)
  const resumed = conversation.kind === 'resume' ? conversation.id : undefined
  const mail = launch.mail && withConversation(launch.mail, conversation)
  const request = {
    ...{ profile, launchEnv, cwd, env },
    ...(systemPromptFile === undefined ? {} : { systemPromptFile }),
    ...(resumed === undefined ? {} : { resume: resumed }),
    ...(mail === undefined ? {} : { mail }),
  }
  const plain = adapter.buildArgv(request)
  const pinned = pinnedBy(conversation, adapter, request)
  await assertProgram(plain[0] ?? '', cwd, environment)
  const permissions = hasPermissions(adapter.name)
    ? permissionsOf(adapter.name, { profile, launchEnv })
    : undefined
  const withoutMail = mail && (await mailProblem(adapter, { ...request, mail }))
  if (withoutMail !== undefined) return planLaunch({ ...launch, mail: undefined, withoutMail })
  const argv = mail === undefined ? plain : ((await adapter.mailArgv?.({ ...request, mail })) ?? plain)
  return {
    argv,
    env: { ...env, ...(mail === undefined ? {} : mailEnv(mail)), ...adapter.environment?.(request) },
    resumed,
    conversation: pinned,
    notResumed: conversation.kind === 'fresh' ? conversation.why : undefined,
    permissions,
    mail: mail === undefined ? undefined : sessionMailOf(mail, pinned?.id),
    withoutMail: launch.withoutMail,
  }
}

/** A conversation that was begun, and has no turn yet, is begun again under its id. */
const withConversation = (mail: LaunchMail, plan: ConversationPlan): LaunchMail =>
  plan.kind === 'fresh' && plan.id !== undefined ? { ...mail, conversation: plan.id } : mail

/**
 * Writes the files of a session for messages. A disk that takes none does not keep a peer from starting.
 * @returns why they could not be written
 */
async function mailProblem(
  adapter: RuntimeAdapter,
  request: LaunchRequest & { readonly mail: LaunchMail },
): Promise<string | undefined> {
  try {
    await adapter.prepareMail?.(request)
    return undefined
  } catch (error) {
    if (!(error instanceof Error) || (errnoOf(error) === undefined && !isIapeerError(error))) throw error
    return error.message
  }
}

/** Returns the variables by which the programs of a session find their root and prove their identity. */
const mailEnv = ({ root, directory, bearer }: LaunchMail): NodeJS.ProcessEnv => ({
  IAPEER_ROOT: root,
  IAPEER_MAIL_DIR: directory,
  IAPEER_BEARER: bearer,
})

const sessionMailOf = ({ directory, bearer }: LaunchMail, conversation: string | undefined): SessionMail => ({
  directory,
  bearerHash: hashOfBearer(bearer),
  ...(conversation === undefined ? {} : { conversation }),
})
