import { basename } from 'node:path'
import { toPersonality } from '@iapeer/core/identity'
import { personalityFromName } from '@iapeer/core/names'
import { iapeerRoot } from '@iapeer/core/paths'
import { readProfile } from '@iapeer/core/profile'
import { createPeer, upsertPeer } from '@iapeer/core/registry'
import { defineCommand } from '../../define-command.ts'
import { usageError } from '../../exit-code.ts'
import { JSON_OUTPUT } from '../options.ts'
import { existingDirectory, PROFILE_OPTIONS, printNewPeer, profileFields, runtimeFields } from './new-peer.ts'

/** A directory that has a profile keeps what it says; what is given besides is for a new one. */
export default defineCommand({
  name: 'init',
  summary: "make a directory a peer's home, or register the peer that lives there",
  args: { directory: { optional: true, help: 'the directory (default: this one)' } },
  options: {
    name: { value: 'name', help: 'its name (default: what the name of the directory makes)' },
    json: JSON_OUTPUT,
    ...PROFILE_OPTIONS,
  },
  run: async ({ args, options }) => {
    const { name, runtime, json } = options
    const home = await existingDirectory('the directory', args.directory ?? '.')
    const root = iapeerRoot()
    const profile = await readProfile(home)
    if (profile === undefined) {
      const personality = name === undefined ? personalityFromName(basename(home)) : toPersonality(name)
      const fields = { personality, home, ...runtimeFields(runtime, []), ...profileFields(options) }
      const entry = await createPeer(root, fields)
      return printNewPeer(entry, { said: `is a peer (${entry.defaultRuntime})`, json })
    }
    if (name !== undefined && name !== profile.personality)
      throw usageError(
        `${profile.personality} lives there`,
        `Register it without --name, then: iapeer rename ${profile.personality} ${name}`,
      )
    printNewPeer(await upsertPeer(root, home), { said: 'lives there, and is registered', json })
  },
})
