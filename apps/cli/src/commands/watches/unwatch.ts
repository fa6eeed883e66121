import { dismissCanary, identityForSocket, listCanaries } from '@iapeer/canary'
import { IapeerError } from '@iapeer/core/errors'
import { isIdentity } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import { socketPathOf } from '@iapeer/lifecycle/launch'
import { forgetWatch, listKeptWatches } from '@iapeer/lifecycle/supervise'
import { defineCommand } from '../../define-command.ts'
import { usageError } from '../../exit-code.ts'
import { print, printJson } from '../../output.ts'
import { readDeaths, recordLocation } from '../deaths/death-records.ts'
import { JSON_OUTPUT } from '../options.ts'

/** Returns the identities that a name means: itself if it is an identity, else those under which this socket is watched. */
async function identitiesOf(name: string): Promise<string[]> {
  if (isIdentity(name)) return [name]
  const socketPath = socketPathOf(name, process.env)
  const armed = await listCanaries(recordLocation())
  const kept = await listKeptWatches(iapeerRoot())
  const known = [...armed, ...kept].filter((one) => one.socketPath === socketPath).map((one) => one.identity)
  return [...new Set(known.length > 0 ? known : [identityForSocket(socketPath)])]
}

const hasDeaths = async (identity: string): Promise<boolean> =>
  (await readDeaths()).some((record) => record.identity === identity)

export default defineCommand({
  name: 'unwatch',
  exitCodes: { 4: 'nothing was watched under this name' },
  summary: 'stop watching a tmux server; its death will not be recorded',
  args: {
    name: {
      label: 'identity|socket',
      help: 'the identity of the server, or its socket: a path, or a name as for tmux -L',
    },
  },
  options: { json: JSON_OUTPUT },
  run: async ({ args: { name }, options }) => {
    if (name === '')
      throw usageError('the name is empty', 'Pass an identity (tmux-default) or the path of a socket.')
    for (const identity of await identitiesOf(name)) {
      const known = (await listCanaries(recordLocation())).some((one) => one.identity === identity)
      const forgotten = await forgetWatch(iapeerRoot(), identity)
      const { state } = await dismissCanary({ identity, ...recordLocation() })
      const wasWatched = known || forgotten || state === 'dismissed' || (await hasDeaths(identity))
      if (!wasWatched)
        throw new IapeerError(`no tmux server is or was watched as ${identity}`, {
          code: 'no-such-watch',
          hint: 'iapeer status lists what is watched.',
        })
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
