import { IapeerError } from '@iapeer/core/errors'
import type { RuntimeAdapter } from './runtime.ts'

/** Any program: what the profile says, and the start arguments of its launch.env behind it. */
export const commandRuntime: RuntimeAdapter = {
  name: 'command',
  kind: 'tui',
  buildArgv: ({ profile, launchEnv }) => {
    const { command, personality } = profile
    if (command !== undefined) return [...command, ...launchEnv.startArgs]
    throw new IapeerError(`the profile of ${personality} names no command`, {
      code: 'command-missing',
      hint: 'Put "command": ["program", "argument"] into its peer-profile.json.',
    })
  },
}
