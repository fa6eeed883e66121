import { homedir } from 'node:os'
import { errnoOf } from '@iapeer/core/errors'
import { hasProcfs } from '@iapeer/core/process'
import type { Permissions } from '@iapeer/core/profile'
import type { SessionOwner } from './claude-sessions.ts'
import {
  mcpArguments,
  permissionsIn,
  splitArguments,
  splitCommand,
  withoutPermissions,
} from './codex-arguments.ts'
import { codexHolder } from './codex-holder.ts'
import { appServerSocket, markEmbedded, paneCommand, withNativeProgram } from './codex-pane.ts'
import { codexDirectory, hasPermissionsOf, newestCodexSession, rolloutOf } from './codex-sessions.ts'
import { permissionArgs } from './permission-args.ts'
import type { Control, LaunchMail, LaunchRequest, RuntimeAdapter, SessionLocation } from './runtime.ts'
import { codexScreen } from './screen/codex-screen.ts'

const COMMANDS = { compact: '/compact', clear: '/clear', exit: '/quit' } as const satisfies Record<
  Exclude<Control, 'interrupt'>,
  string
>

const ownerOf = ({ env, cwd }: Pick<SessionLocation, 'env' | 'cwd'>): SessionOwner => ({
  home: env['HOME'] || homedir(),
  env,
  cwd,
})

const PERMISSION_ARGS = {
  ask: ['--sandbox', 'workspace-write', '--ask-for-approval', 'on-request'],
  own: [],
  skip: ['--dangerously-bypass-approvals-and-sandbox'],
} as const satisfies Record<Permissions, readonly string[]>

const COMMAND = ['codex'] as const

/** Returns the arguments of Codex that the command of the profile does not contain, without those that resume a conversation. */
const argumentsOf = ({ profile, launchEnv, systemPromptFile, mail }: LaunchRequest): readonly string[] => [
  ...permissionArgs('codex', { profile, launchEnv }, PERMISSION_ARGS),
  // The shared background server would outlive the peer and run it in the environment of the process that started the server.
  '--no-daemon',
  // A JSON string is also a TOML string.
  ...(systemPromptFile === undefined
    ? []
    : ['-c', `model_instructions_file=${JSON.stringify(systemPromptFile)}`]),
  ...(mail === undefined ? [] : mcpArguments(mail)),
  ...launchEnv.startArgs,
]

const resumeArgs = ({ resume }: LaunchRequest): readonly string[] =>
  resume === undefined ? [] : ['resume', resume]

const embeddedArgv = (command: readonly string[], request: LaunchRequest): readonly string[] => [
  ...command,
  ...argumentsOf(request),
  ...resumeArgs(request),
]

const buildArgv = (request: LaunchRequest): readonly string[] =>
  embeddedArgv(request.profile.command ?? COMMAND, request)

/**
 * Returns the command line of a session with messages: a private app-server and a TUI that is connected to it, so that messages
 * reach the conversation without the screen. Arguments that have no meaning with an app-server are kept, without one. So are the
 * permissions of a conversation that has others: an app-server does not change them.
 */
async function connectedArgv(
  request: LaunchRequest & { readonly mail: LaunchMail },
): Promise<readonly string[]> {
  const { profile, env, cwd, mail, resume } = request
  const command = splitCommand(profile.command ?? COMMAND)
  const split = command && splitArguments([...command.args, ...argumentsOf(request)])
  const keeps =
    resume === undefined ||
    (split && (await hasPermissionsOf(ownerOf(request), resume, permissionsIn(split.server)))) === true
  if (command === undefined || split === undefined || !keeps) {
    await markEmbedded(mail.directory)
    return buildArgv(request)
  }
  const program = await withNativeProgram(command.program, { path: env['PATH'] ?? '', cwd })
  const url = `unix://${appServerSocket(mail.directory)}`
  return paneCommand(mail.directory, {
    server: [...program, 'app-server', '--listen', url, ...split.server],
    tui: [
      ...[...program, '--remote', url],
      ...(resume === undefined ? split.tui : withoutPermissions(split.tui)),
      ...resumeArgs(request),
    ],
    embedded: embeddedArgv([...program, ...command.args], request),
  })
}

/** Returns the command line of a session with messages. */
export async function mailArgv(
  request: LaunchRequest & { readonly mail: LaunchMail },
): Promise<readonly string[]> {
  try {
    return await connectedArgv(request)
  } catch (error) {
    // A disk that takes no file does not keep a peer from starting.
    if (errnoOf(error) === undefined) throw error
    return buildArgv(request)
  }
}

/** The adapter of Codex 0.169 to 0.171, which reports no state of its own: only its screen is read. */
export const codexRuntime: RuntimeAdapter = {
  name: 'codex',
  kind: 'tui',
  usesDoctrine: true,
  bootTimeoutMs: 60_000,
  buildArgv,
  mailArgv,
  screen: codexScreen,
  newestActivity: async (location) => (await newestCodexSession(ownerOf(location)))?.writtenMs,
  conversations: {
    find: async (location, id) => {
      const owner = ownerOf(location)
      const [path, holder] = await Promise.all([
        rolloutOf(owner, id),
        hasProcfs() ? codexHolder(codexDirectory(owner), id) : undefined,
      ])
      return { path, holder }
    },
    newest: async (location) => (await newestCodexSession(ownerOf(location)))?.id,
    // Codex makes the id itself.
    isNamed: () => false,
  },
  executeControl: (control) => (control === 'interrupt' ? { key: 'Escape' } : { text: COMMANDS[control] }),
}
