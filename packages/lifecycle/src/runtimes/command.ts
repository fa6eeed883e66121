import { IapeerError } from '@iapeer/core/errors'
import type { LaunchRequest, RuntimeAdapter } from './runtime.ts'
import { writtenMs } from './session-files.ts'

/** What the profile says, and the start arguments of its launch.env behind it. @throws IapeerError `command-missing` */
function buildArgv({ profile, launchEnv }: LaunchRequest): readonly string[] {
  const { command, personality } = profile
  if (command !== undefined) return [...command, ...launchEnv.startArgs]
  throw new IapeerError(`the profile of ${personality} names no command`, {
    code: 'command-missing',
    hint: 'Put "command": ["program", "argument"] into its peer-profile.json.',
  })
}

/** Any program: what it shows means nothing to iapeer, only when it showed it. */
export const commandRuntime: RuntimeAdapter = {
  name: 'command',
  kind: 'tui',
  usesDoctrine: false,
  buildArgv,
  newestActivity: ({ paneLog }) => writtenMs(paneLog),
  resolveResume: async () => undefined,
  executeControl: () => undefined,
}
