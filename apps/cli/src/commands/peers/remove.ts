import { IapeerError, isIapeerError } from '@iapeer/core/errors'
import { iapeerRoot } from '@iapeer/core/paths'
import type { PeerEntry } from '@iapeer/core/registry'
import { removeNamed } from '@iapeer/lifecycle/fleet'
import { canAsk, confirm } from '../../ask.ts'
import { defineCommand } from '../../define-command.ts'
import { EXIT } from '../../exit-code.ts'
import { paint, print, printJson } from '../../output.ts'
import { JSON_OUTPUT } from '../options.ts'
import { PEER } from './peer-argument.ts'
import { peerEntry } from './peer-entry.ts'
import { assertPurgeable, purgeHome } from './purge-home.ts'
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

/** Checks that the home may be deleted, and asks. @returns whether the person agrees @throws IapeerError `home-not-ours`, `needs-answer` */
async function mayPurge(entry: PeerEntry | undefined, name: string, isConfirmed: boolean): Promise<boolean> {
  if (entry === undefined)
    throw new IapeerError(`${name} is not registered, so its home is not deleted; nothing was changed`, {
      code: 'home-not-ours',
      hint: `Register it again (iapeer verify --fix), or remove it without --purge: iapeer remove ${name}`,
    })
  await assertPurgeable(iapeerRoot(), entry)
  if (isConfirmed) return true
  if (!canAsk())
    throw new IapeerError(`--purge deletes ${entry.home}; without a terminal it needs --yes`, {
      code: 'needs-answer',
      hint: `iapeer remove ${name} --purge --yes`,
    })
  return confirm(`Remove ${name}, and delete ${entry.home} with everything in it?`)
}

export default defineCommand({
  name: 'remove',
  exitCodes: { 4: 'no such peer' },
  aliases: ['rm'],
  summary: 'unregister a peer that is not running; its home stays, unless --purge is given',
  args: { peer: PEER },
  options: {
    force: { short: 'f', help: 'stop the peer first if it is running' },
    purge: { help: 'also delete its home with all files, if iapeer made that directory; asks first' },
    yes: { short: 'y', help: 'do not ask whether --purge may delete the home' },
    json: JSON_OUTPUT,
  },
  run: async ({ args, options }) => {
    const entry = await registeredPeer(args.peer)
    const name = entry?.personality ?? args.peer
    if (options.purge && !(await mayPurge(entry, name, options.yes))) {
      print('Nothing is changed.')
      process.exitCode = EXIT.failed
      return
    }
    const removed = await removeNamed(iapeerRoot(), name, { force: options.force, by: 'iapeer remove' })
    const { personality, home, keptProfile, stopped } = removed
    if (options.purge) await purgeHome(home)
    if (options.json) {
      const gone = stopped.map(({ identity, leader }) => ({ identity, leaderPid: leader.pid }))
      return printJson({
        personality,
        home,
        ...(options.purge ? { purged: true } : keptProfile === undefined ? {} : { keptProfile }),
        stopped: gone,
      })
    }
    for (const { identity, leader } of stopped)
      print(`stopped ${sessionName(identity, entry?.runtimes).shown}: pid ${leader.pid}`)
    if (options.purge) return print(`${paint('bold', personality)} is removed, and ${home} is deleted`)
    print(`${paint('bold', personality)} is removed; its files stay in ${home}`)
    if (keptProfile !== undefined) print(`  its profile is kept as ${keptProfile}`)
  },
})
