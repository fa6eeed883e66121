import { isIapeerError } from '@iapeer/core/errors'
import { toPersonality } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import { peerFields, removeNamed, renameNamed } from '@iapeer/lifecycle/fleet'
import { paint, print, printJson } from '../../output.ts'
import { peerNamed } from './peer-named.ts'

interface ChangeOptions {
  readonly json?: boolean
}

export async function rename(peer: string, name: string, options: ChangeOptions): Promise<void> {
  const to = toPersonality(name)
  const { personality } = await peerNamed(peer)
  const { entry, formerly, running } = await renameNamed(iapeerRoot(), personality, to)
  if (options.json === true) {
    const went = running.map(({ identity, leader }) => ({ identity, leaderPid: leader.pid }))
    printJson({ ...peerFields(entry), formerly, running: went })
    return
  }
  print(`${formerly} is ${paint('bold', entry.personality)} now; its home stays ${entry.home}`)
  for (const { identity, leader } of running) {
    print(`  ${identity} goes on running (pid ${leader.pid}).`)
    print(`  The agent itself learns its name at its next start: iapeer refresh ${entry.personality}`)
  }
}

/** A peer that is remembered and not registered can be removed too, by its name. */
async function nameOf(text: string): Promise<string> {
  try {
    return (await peerNamed(text)).personality
  } catch (error) {
    if (isIapeerError(error) && error.code === 'no-such-peer') return text
    throw error
  }
}

interface RemoveOptions extends ChangeOptions {
  readonly force?: boolean
}

export async function remove(peer: string, options: RemoveOptions): Promise<void> {
  const name = await nameOf(peer)
  const removed = await removeNamed(iapeerRoot(), name, { force: options.force, by: 'iapeer remove' })
  const { personality, home, keptProfile, stopped } = removed
  if (options.json === true) {
    const gone = stopped.map(({ identity, leader }) => ({ identity, leaderPid: leader.pid }))
    printJson({ personality, home, ...(keptProfile === undefined ? {} : { keptProfile }), stopped: gone })
    return
  }
  for (const { identity, leader } of stopped) print(`stopped ${identity} (pid ${leader.pid})`)
  print(`${paint('bold', personality)} is removed; its files stay in ${home}`)
  if (keptProfile !== undefined) print(`  its profile is kept as ${keptProfile}`)
}
