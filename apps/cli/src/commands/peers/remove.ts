import { isIapeerError } from '@iapeer/core/errors'
import { iapeerRoot } from '@iapeer/core/paths'
import { removeNamed } from '@iapeer/lifecycle/fleet'
import { defineCommand } from '../../define-command.ts'
import { paint, print, printJson } from '../../output.ts'
import { JSON_OUTPUT } from '../options.ts'
import { PEER, peerEntry } from './peer-named.ts'

/** A peer that is remembered and not registered can be removed too, by its name. */
async function nameOf(text: string): Promise<string> {
  try {
    return (await peerEntry(text)).personality
  } catch (error) {
    if (isIapeerError(error) && error.code === 'no-such-peer') return text
    throw error
  }
}

export default defineCommand({
  name: 'remove',
  summary: 'remove a peer that is not running; its home and files stay',
  args: { peer: PEER },
  options: { force: { short: 'f', help: 'stop it first when it is running' }, json: JSON_OUTPUT },
  run: async ({ args, options }) => {
    const name = await nameOf(args.peer)
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
    for (const { identity, leader } of stopped) print(`stopped ${identity} (pid ${leader.pid})`)
    print(`${paint('bold', personality)} is removed; its files stay in ${home}`)
    if (keptProfile !== undefined) print(`  its profile is kept as ${keptProfile}`)
  },
})
