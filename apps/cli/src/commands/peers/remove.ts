import { isIapeerError } from '@iapeer/core/errors'
import { iapeerRoot } from '@iapeer/core/paths'
import type { PeerEntry } from '@iapeer/core/registry'
import { removeNamed } from '@iapeer/lifecycle/fleet'
import { defineCommand } from '../../define-command.ts'
import { paint, print, printJson } from '../../output.ts'
import { JSON_OUTPUT } from '../options.ts'
import { PEER, peerEntry } from './peer-named.ts'
import { sessionName } from './session-name.ts'

/** Returns the registered peer; undefined if there is none: a peer that is only remembered can be removed by its name. */
async function registeredPeer(text: string): Promise<PeerEntry | undefined> {
  try {
    return await peerEntry(text)
  } catch (error) {
    if (isIapeerError(error) && error.code === 'no-such-peer') return undefined
    throw error
  }
}

export default defineCommand({
  name: 'remove',
  exitCodes: { 4: 'no such peer' },
  aliases: ['rm'],
  summary: 'unregister a peer that is not running; its home and files stay',
  args: { peer: PEER },
  options: { force: { short: 'f', help: 'stop the peer first if it is running' }, json: JSON_OUTPUT },
  run: async ({ args, options }) => {
    const entry = await registeredPeer(args.peer)
    const name = entry?.personality ?? args.peer
    const removed = await removeNamed(iapeerRoot(), name, { force: options.force, by: 'iapeer remove' })
    const { personality, home, keptProfile, stopped } = removed
    if (options.json) {
      const gone = stopped.map(({ identity, leader }) => ({ identity, leaderPid: leader.pid }))
      return printJson({
        personality,
        home,
        ...(keptProfile === undefined ? {} : { keptProfile }),
        stopped: gone,
      })
    }
    for (const { identity, leader } of stopped)
      print(`stopped ${sessionName(identity, entry?.runtimes).shown}: pid ${leader.pid}`)
    print(`${paint('bold', personality)} is removed; its files stay in ${home}`)
    if (keptProfile !== undefined) print(`  its profile is kept as ${keptProfile}`)
  },
})
