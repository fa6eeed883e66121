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

export async function remove(peer: string, options: ChangeOptions): Promise<void> {
  const { entry, keptProfile } = await removePeer(
    iapeerRoot(),
    (await peerNamed(peer)).personality,
    new Date(),
  )
  if (options.json === true) {
    printJson({ ...peerFields(entry), ...(keptProfile === undefined ? {} : { keptProfile }) })
    return
  }
  print(`${paint('bold', entry.personality)} is forgotten; its files stay in ${entry.home}`)
  if (keptProfile !== undefined) print(`  its profile is kept as ${keptProfile}`)
}
