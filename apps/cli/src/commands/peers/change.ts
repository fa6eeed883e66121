import { IapeerError } from '@iapeer/core/errors'
import { toPersonality } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import { removePeer, renamePeer } from '@iapeer/core/registry'
import { paint, print, printJson } from '../../output.ts'
import { peerFields, peerNamed } from '../../peers.ts'

interface ChangeOptions {
  readonly json?: boolean
}

export async function rename(peer: string, name: string, options: ChangeOptions): Promise<void> {
  const to = toPersonality(name)
  const old = await peerNamed(peer)
  const entry = await renamePeer(iapeerRoot(), old.personality, to)
  if (options.json === true) printJson({ ...peerFields(entry), formerly: old.personality })
  else print(`${old.personality} is ${paint('bold', entry.personality)} now; its home stays ${entry.home}`)
}

/** A peer that is remembered and not registered can be forgotten too, by its name. */
async function nameOf(text: string): Promise<string> {
  try {
    return (await peerNamed(text)).personality
  } catch (error) {
    if (error instanceof IapeerError && error.code === 'no-such-peer') return text
    throw error
  }
}

export async function remove(peer: string, options: ChangeOptions): Promise<void> {
  const { personality, home, keptProfile } = await removePeer(iapeerRoot(), await nameOf(peer), new Date())
  if (options.json === true) {
    printJson({ personality, home, ...(keptProfile === undefined ? {} : { keptProfile }) })
    return
  }
  print(`${paint('bold', personality)} is forgotten; its files stay in ${home}`)
  if (keptProfile !== undefined) print(`  its profile is kept as ${keptProfile}`)
}
