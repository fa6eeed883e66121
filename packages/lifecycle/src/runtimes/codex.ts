import { homedir } from 'node:os'
import type { Permissions } from '@iapeer/core/profile'
import type { SessionOwner } from './claude-sessions.ts'
import { newestCodexSession } from './codex-sessions.ts'
import { permissionArgs } from './permission-args.ts'
import type { Control, LaunchRequest, RuntimeAdapter, SessionLocation } from './runtime.ts'
import { codexScreen } from './screen/codex-screen.ts'

const COMMANDS = { compact: '/compact', clear: '/clear', exit: '/quit' } as const satisfies Record<
  Exclude<Control, 'interrupt'>,
  string
>

const ownerOf = ({ env, cwd }: SessionLocation): SessionOwner => ({
  home: env['HOME'] || homedir(),
  env,
  cwd,
})

const PERMISSION_ARGS = {
  ask: ['--sandbox', 'workspace-write', '--ask-for-approval', 'on-request'],
  own: [],
  skip: ['--dangerously-bypass-approvals-and-sandbox'],
} as const satisfies Record<Permissions, readonly string[]>

function buildArgv({ profile, launchEnv, systemPromptFile, resume }: LaunchRequest): readonly string[] {
  return [
    ...(profile.command ?? ['codex']),
    ...permissionArgs('codex', { profile, launchEnv }, PERMISSION_ARGS),
    // The shared background server would outlive the peer and run it in the environment of the process that started the server.
    '--no-daemon',
    // A JSON string is also a TOML string.
    ...(systemPromptFile === undefined
      ? []
      : ['-c', `model_instructions_file=${JSON.stringify(systemPromptFile)}`]),
    ...launchEnv.startArgs,
    ...(resume === undefined ? [] : ['resume', resume]),
  ]
}

/** The adapter of Codex 0.169 to 0.171, which reports no state of its own: only its screen is read. */
export const codexRuntime: RuntimeAdapter = {
  name: 'codex',
  kind: 'tui',
  usesDoctrine: true,
  bootTimeoutMs: 60_000,
  buildArgv,
  screen: codexScreen,
  newestActivity: async (location) => (await newestCodexSession(ownerOf(location)))?.writtenMs,
  resolveResume: async (location) => (await newestCodexSession(ownerOf(location)))?.id,
  executeControl: (control) => (control === 'interrupt' ? { key: 'Escape' } : { text: COMMANDS[control] }),
}
