import { resolve } from 'node:path'
import { dismissCanary, identityForSocket, listCanaries } from '@iapeer/canary'
import { isIdentity } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import { forgetWatch, listKeptWatches } from '@iapeer/lifecycle/supervise'
import { defineCommand } from '../../define-command.ts'
import { usageError } from '../../exit-code.ts'
import { print, printJson } from '../../output.ts'
import { recordLocation } from '../deaths/death-records.ts'
import { JSON_OUTPUT } from '../options.ts'

/** Returns the identities that a name means: itself if it is an identity, else those under which this socket is watched. */
async function identitiesOf(name: string): Promise<string[]> {
  if (isIdentity(name)) return [name]
  const socketPath = resolve(name)
  const armed = await listCanaries(recordLocation())
  const kept = await listKeptWatches(iapeerRoot())
  const known = [...armed, ...kept].filter((one) => one.socketPath === socketPath).map((one) => one.identity)
  return [...new Set(known.length > 0 ? known : [identityForSocket(socketPath)])]
}

export default defineCommand({
  name: 'unwatch',
  summary: 'stop watching a tmux server; its death will not be recorded',
  args: { name: { label: 'identity|socket', help: 'the identity or the socket of the server' } },
  options: { json: JSON_OUTPUT },
  run: async ({ args: { name }, options }) => {
    if (name === '')
      throw usageError('the name is empty', 'Pass an identity (tmux-default) or the path of a socket.')
    for (const identity of await identitiesOf(name)) {
      const forgotten = await forgetWatch(iapeerRoot(), identity)
      const { state } = await dismissCanary({ identity, ...recordLocation() })
      if (options.json) printJson({ state, identity, forgotten })
      else if (state === 'dismissed') print(`stopped watching ${identity}`)
      else
        print(
          forgotten
            ? `${identity} was not being watched; later commands will not watch it again`
            : `${identity} was not being watched`,
        )
    }
  },
})
