import { resolve } from 'node:path'
import { toPersonality } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import { createPeer } from '@iapeer/core/registry'
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

function parseHome(text: string): string {
  if (text === '') throw usageError('--home is empty', 'Pass a directory, or omit --home.')
  return resolve(text)
}

export default defineCommand({
  name: 'create',
  summary: 'create a peer',
  args: {
    name: { help: 'lower-case letters, digits and dashes; the first is a letter', parse: toPersonality },
    command: {
      optional: true,
      variadic: true,
      help: 'after --: the program to run, with its arguments (runtime command)',
    },
  },
  options: {
    home: {
      value: 'directory',
      help: "the peer's home, which holds its .iapeer/ (default: peers/<name> under the root)",
      parse: parseHome,
    },
    cwd: {
      value: 'directory',
      help: 'directory to run in; several peers can share one (default: the home)',
    },
    fromPane: {
      value: 'socket:pane',
      help: 'run the same program as this pane of your tmux: default:%3, PATH:SESSION:WINDOW.PANE',
    },
    json: JSON_OUTPUT,
    ...PROFILE_OPTIONS,
    runtime: {
      value: 'runtime',
      help: 'kind of program: claude, codex, command, ... (default: claude, or command with a program)',
    },
  },
  run: async ({ args: { name, command }, options }) => {
    const { home, fromPane, runtime, json } = options
    const { permissions, trust } = options
    const profile = { personality: name, ...profileFields(options), ...(home === undefined ? {} : { home }) }
    const cwd = options.cwd === undefined ? {} : { cwd: await existingDirectory('--cwd', options.cwd) }
    if (fromPane === undefined) {
      const program = runtimeFields(runtime, command)
      const rights = permissionFields(program.defaultRuntime, permissions)
      const fields = { ...profile, ...program, ...rights, ...cwd }
      const entry = await createPeer(iapeerRoot(), fields)
      if (trust) await trustDirectory(entry)
      printPeer(entry, { done: 'created', json, ...rights })
      return warnAboutNewPeer(entry, { ...fields, env: process.env })
    }
    const { readFromPane, importedFromPane } = await import('./from-pane.ts')
    const wanted = { fromPane, ...cwd, ...(runtime === undefined ? {} : { runtime }) }
    const { reading, fields } = await readFromPane({ ...wanted, permissions }, command)
    const entry = await createPeer(iapeerRoot(), { ...profile, ...fields })
    if (trust) await trustDirectory(entry)
    const { permissions: kept } = fields
    const imported = importedFromPane(reading, fields)
    printPeer(entry, { done: 'created', json, permissions: kept ?? undefined, imported })
    await warnAboutNewPeer(entry, { ...profile, ...fields, env: process.env })
  },
})
