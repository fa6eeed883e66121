import { resolve } from 'node:path'
import { toPersonality } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import { createPeer } from '@iapeer/core/registry'
import { defineCommand } from '../../define-command.ts'
import { usageError } from '../../exit-code.ts'
import { JSON_OUTPUT } from '../options.ts'
import { existingDirectory, PROFILE_OPTIONS, printNewPeer, profileFields, runtimeFields } from './new-peer.ts'

function parseHome(text: string): string {
  if (text === '') throw usageError('--home is empty', 'Name a directory, or leave it out.')
  return resolve(text)
}

export default defineCommand({
  name: 'create',
  summary: 'make a peer',
  args: {
    name: { help: 'lower-case letters, digits and dashes, a letter first', parse: toPersonality },
    command: {
      optional: true,
      variadic: true,
      help: 'after --: the program of a peer of the runtime command, and its arguments',
    },
  },
  options: {
    home: {
      value: 'directory',
      help: 'the directory that holds its .iapeer/ (default: peers/<name> under the root)',
      parse: parseHome,
    },
    cwd: { value: 'directory', help: 'where it runs; several peers may share one (default: its home)' },
    fromPane: {
      value: 'socket:pane',
      help: 'run what that pane of your tmux runs, there: default:%3, PATH:SESSION:WINDOW.PANE',
    },
    json: JSON_OUTPUT,
    ...PROFILE_OPTIONS,
  },
  run: async ({ args: { name, command }, options }) => {
    const { home, fromPane, runtime, json } = options
    const profile = { personality: name, ...profileFields(options), ...(home === undefined ? {} : { home }) }
    const cwd = options.cwd === undefined ? {} : { cwd: await existingDirectory('--cwd', options.cwd) }
    if (fromPane === undefined) {
      const fields = { ...profile, ...runtimeFields(runtime, command), ...cwd }
      const entry = await createPeer(iapeerRoot(), fields)
      return printNewPeer(entry, { said: `is a peer (${entry.defaultRuntime})`, json })
    }
    const { readFromPane, takenFromPane } = await import('./from-pane.ts')
    const wanted = { fromPane, ...cwd, ...(runtime === undefined ? {} : { runtime }) }
    const { reading, fields } = await readFromPane(wanted, command)
    const entry = await createPeer(iapeerRoot(), { ...profile, ...fields })
    const taken = takenFromPane(reading, fields)
    printNewPeer(entry, { said: `is a peer (${entry.defaultRuntime})`, json, taken })
  },
})
