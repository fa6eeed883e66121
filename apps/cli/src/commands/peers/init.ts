import { basename } from 'node:path'
import { toPersonality } from '@iapeer/core/identity'
import { personalityFromName } from '@iapeer/core/names'
import { iapeerRoot } from '@iapeer/core/paths'
import { readProfile } from '@iapeer/core/profile'
import { createPeer, updatePeer, upsertPeer } from '@iapeer/core/registry'
import { hasPermissions, permissionsOf } from '@iapeer/lifecycle/runtimes'
import { defineCommand } from '../../define-command.ts'
import { usageError } from '../../exit-code.ts'
import { JSON_OUTPUT } from '../options.ts'
import {
  existingDirectory,
  PROFILE_OPTIONS,
  permissionFields,
  printPeer,
  profileFields,
  runtimeFields,
  trustDirectory,
} from './new-peer.ts'
import { warnAboutNewPeer } from './new-peer-warnings.ts'
import { assertPrivateHome } from './private-home.ts'

/** An existing profile is registered unchanged, except that `--trust` and `--permissions` apply to it too. */
export default defineCommand({
  name: 'init',
  summary: 'make a directory the home of a peer, or register the peer whose home it is',
  args: { directory: { optional: true, help: 'the directory (default: the current one)' } },
  options: {
    name: { value: 'name', help: 'name of the peer (default: made from the name of the directory)' },
    json: JSON_OUTPUT,
    ...PROFILE_OPTIONS,
  },
  run: async ({ args, options }) => {
    const { name, runtime, json, permissions, trust } = options
    const home = await existingDirectory('the home', args.directory ?? '.')
    const root = iapeerRoot()
    const profile = await readProfile(home)
    if (profile === undefined) {
      await assertPrivateHome(home)
      const personality = name === undefined ? personalityFromName(basename(home)) : toPersonality(name)
      const program = runtimeFields(runtime, [])
      const rights = permissionFields(program.defaultRuntime, permissions)
      const fields = { ...{ personality, home, ...program, ...rights }, ...profileFields(options) }
      const entry = await createPeer(root, fields)
      if (trust) await trustDirectory(entry)
      printPeer(entry, { done: 'created', json, ...rights })
      return warnAboutNewPeer(entry, { ...fields, env: process.env })
    }
    if (name !== undefined && name !== profile.personality)
      throw usageError(
        `${home} is the home of ${profile.personality}, not of ${name}`,
        `Register it without --name, then rename it: iapeer rename ${profile.personality} ${name}`,
      )
    if (permissions !== undefined) permissionFields(profile.defaultRuntime, permissions)
    const entry = await upsertPeer(root, home)
    if (trust) await trustDirectory(entry)
    if (permissions !== undefined) await updatePeer(root, entry.personality, { permissions })
    const shown = hasPermissions(entry.defaultRuntime)
      ? { permissions: permissions ?? permissionsOf(entry.defaultRuntime, { profile }) }
      : {}
    printPeer(entry, { done: 'registered', json, ...shown })
  },
})
