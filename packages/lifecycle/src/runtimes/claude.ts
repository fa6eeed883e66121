import { homedir } from 'node:os'
import { hasProcfs } from '@iapeer/core/process'
import type { Permissions } from '@iapeer/core/profile'
import { claudeHolder } from './claude-holder.ts'
import { missingClaudeLogin } from './claude-login.ts'
import { claudeMailArgs, prepareClaudeMail, takesConversation } from './claude-mail.ts'
import { claudeDirectory, readClaudeReport } from './claude-report.ts'
import { claudeActivity, newestClaudeSession, type SessionOwner, transcriptsOf } from './claude-sessions.ts'
import { permissionArgs } from './permission-args.ts'
import type { LaunchRequest, RuntimeAdapter, SessionLocation } from './runtime.ts'
import { claudeScreen } from './screen/claude-screen.ts'

const ownerOf = ({ env, cwd }: SessionLocation): SessionOwner => ({
  home: env['HOME'] || homedir(),
  env,
  cwd,
})

/** Without an option, the newest versions start in a mode that does not ask. */
const PERMISSION_ARGS = {
  ask: ['--permission-mode', 'default'],
  own: [],
  skip: ['--dangerously-skip-permissions'],
} as const satisfies Record<Permissions, readonly string[]>

function buildArgv(request: LaunchRequest): readonly string[] {
  const { profile, launchEnv, systemPromptFile, resume } = request
  const { disallowedTools } = launchEnv
  const mail = claudeMailArgs(request)
  return [
    ...(profile.command ?? ['claude']),
    ...permissionArgs('claude', { profile, launchEnv }, PERMISSION_ARGS),
    ...(systemPromptFile === undefined ? [] : ['--system-prompt-file', systemPromptFile]),
    ...(resume === undefined ? [] : ['--resume', resume]),
    ...(disallowedTools.kind === 'set' ? [`--disallowedTools=${disallowedTools.tools}`] : []),
    ...mail.args,
    ...mail.startArgs,
  ]
}

/** The adapter of Claude Code 2.1. */
export const claudeRuntime: RuntimeAdapter = {
  name: 'claude',
  kind: 'tui',
  usesDoctrine: true,
  bootTimeoutMs: 60_000,
  buildArgv,
  // The inbox socket is made below this directory.
  environment: ({ mail }) => (mail === undefined ? {} : { CLAUDE_CODE_TMPDIR: mail.directory }),
  prepareMail: prepareClaudeMail,
  screen: claudeScreen,
  // Without /proc it cannot be verified which process wrote a report.
  ...(hasProcfs() ? { report: readClaudeReport, missingLogin: missingClaudeLogin } : {}),
  newestActivity: (location) => claudeActivity(ownerOf(location)),
  conversations: {
    find: async ({ env }, id) => {
      const directory = claudeDirectory(env)
      const [[path], holder] = await Promise.all([
        transcriptsOf(directory, id),
        hasProcfs() ? claudeHolder(directory, id) : undefined,
      ])
      return { path, holder }
    },
    newest: async (location) => (await newestClaudeSession(ownerOf(location)))?.id,
    isNamed: (request) => request.mail !== undefined && takesConversation(request),
  },
  executeControl: (control) => (control === 'interrupt' ? { key: 'Escape' } : { text: `/${control}` }),
}
