import { resolve } from 'node:path'
import { dismissCanary, identityForSocket, listCanaries } from '@iapeer/canary'
import { isIdentity } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import { forgetWatch, listKeptWatches } from '@iapeer/lifecycle/supervise'
import { defineCommand } from '../../define-command.ts'
import { usageError } from '../../exit-code.ts'
import { print, printJson } from '../../output.ts'
import { recordLocation } from '../deaths/bring-up-to-date.ts'
import { JSON_OUTPUT } from '../options.ts'

/** A socket is known by what watches it; a name that is an identity is taken as one. */
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
  summary: 'end a watch and forget it; a later end of that server is not recorded',
  args: { name: { label: 'identity|socket', help: 'what to stop watching' } },
  options: { json: JSON_OUTPUT },
  run: async ({ args: { name }, options }) => {
    if (name === '') throw usageError('nothing was named', 'Name an identity (tmux-default) or a socket.')
    for (const identity of await identitiesOf(name)) {
      const forgotten = await forgetWatch(iapeerRoot(), identity)
      const { state } = await dismissCanary({ identity, ...recordLocation() })
      if (options.json) printJson({ state, identity, forgotten })
      else if (state === 'dismissed') print(`${identity} is no longer watched`)
      else
        print(
          forgotten
            ? `${identity} is forgotten; it was not being watched`
            : `${identity} was not being watched`,
        )
    }
  },
})
