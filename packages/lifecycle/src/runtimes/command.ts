import { IapeerError } from '@iapeer/core/errors'
import type { LaunchRequest, RuntimeAdapter } from './runtime.ts'
import { writtenMs } from './session-files.ts'

/** Returns the profile's command followed by the start arguments of launch.env. @throws IapeerError `command-missing` */
function buildArgv({ profile, launchEnv }: LaunchRequest): readonly string[] {
  const { command, personality } = profile
  if (command !== undefined) return [...command, ...launchEnv.startArgs]
  throw new IapeerError(`the profile of ${personality} has no "command"`, {
    code: 'command-missing',
    hint: 'Add "command": ["program", "argument"] to peer-profile.json.',
  })
}

/** The adapter of any other program. iapeer does not read its screen; the time of its last output is its activity. */
export const commandRuntime: RuntimeAdapter = {
  name: 'command',
  kind: 'tui',
  usesDoctrine: false,
  buildArgv,
  newestActivity: ({ paneLog }) => writtenMs(paneLog),
  executeControl: () => undefined,
}
