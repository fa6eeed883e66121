import { isIapeerError } from '@iapeer/core/errors'
import { formatIdentity, type Personality, toPersonality } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import { findPeer, type PeerEntry, removePeer, renamePeer } from '@iapeer/core/registry'
import { forgetIdentity, moveIdentity, peerFields, stopPeer } from '@iapeer/lifecycle'
import { paint, print, printJson } from '../../output.ts'
import { peerNamed } from '../../peers.ts'

interface ChangeOptions {
  readonly json?: boolean
}

export async function rename(peer: string, name: string, options: ChangeOptions): Promise<void> {
  const to = toPersonality(name)
  const old = await peerNamed(peer)
  const entry = await renamePeer(iapeerRoot(), old.personality, to)
  if (to !== old.personality) await moveAll(old, to)
  if (options.json === true) printJson({ ...peerFields(entry), formerly: old.personality })
  else print(`${old.personality} is ${paint('bold', entry.personality)} now; its home stays ${entry.home}`)
}

/** What was planned for it goes on under its new name. */
async function moveAll({ personality, runtimes }: PeerEntry, to: Personality): Promise<void> {
  for (const runtime of runtimes) {
    const [before, after] = [
      formatIdentity({ runtime, personality }),
      formatIdentity({ runtime, personality: to }),
    ]
    await moveIdentity(iapeerRoot(), [before, after], () =>
      stopPeer(iapeerRoot(), before, { by: 'iapeer rename', why: 'its name is gone' }),
    )
  }
}

/**
 * Whatever runs under a name that is gone, in silence. After the registry has changed: a change that is refused ends
 * nothing, and nobody can start it again meanwhile.
 */
async function takeDown({ personality, runtimes }: PeerEntry, by: string): Promise<void> {
  for (const runtime of runtimes) {
    const identity = formatIdentity({ runtime, personality })
    await stopPeer(iapeerRoot(), identity, { by, why: 'its name is gone' })
    await forgetIdentity(iapeerRoot(), identity)
  }
}

/** A peer that is remembered and not registered can be forgotten too, by its name. */
async function nameOf(text: string): Promise<string> {
  try {
    return (await peerNamed(text)).personality
  } catch (error) {
    if (isIapeerError(error) && error.code === 'no-such-peer') return text
    throw error
  }
}

export async function remove(peer: string, options: ChangeOptions): Promise<void> {
  const name = await nameOf(peer)
  const entry = await findPeer(iapeerRoot(), name)
  const { personality, home, keptProfile } = await removePeer(iapeerRoot(), name, new Date())
  if (entry !== undefined) await takeDown(entry, 'iapeer remove')
  if (options.json === true) {
    printJson({ personality, home, ...(keptProfile === undefined ? {} : { keptProfile }) })
    return
  }
  print(`${paint('bold', personality)} is forgotten; its files stay in ${home}`)
  if (keptProfile !== undefined) print(`  its profile is kept as ${keptProfile}`)
}
