import { isIapeerError } from '@iapeer/core/errors'
import { formatIdentity, toPersonality } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import { findPeer, type PeerEntry, removePeer, renamePeer } from '@iapeer/core/registry'
import { clearStopFlag, readSession, stopPeer } from '@iapeer/lifecycle'
import { paint, print, printJson } from '../../output.ts'
import { peerFields, peerNamed } from '../../peers.ts'
import { identitiesNamed } from '../../sessions.ts'
import { stopSessions } from '../sessions/stop.ts'

interface ChangeOptions {
  readonly json?: boolean
}

export async function rename(peer: string, name: string, options: ChangeOptions): Promise<void> {
  const to = toPersonality(name)
  const old = await peerNamed(peer)
  await stopRunning(old.personality, 'iapeer rename')
  const entry = await renamePeer(iapeerRoot(), old.personality, to)
  await stopAgain(old)
  if (options.json === true) printJson({ ...peerFields(entry), formerly: old.personality })
  else print(`${old.personality} is ${paint('bold', entry.personality)} now; its home stays ${entry.home}`)
}

/** What was being started while its name went. */
async function stopAgain(gone: PeerEntry): Promise<void> {
  for (const runtime of gone.runtimes) {
    const identity = formatIdentity({ runtime, personality: gone.personality })
    await stopPeer(iapeerRoot(), identity, { by: 'iapeer', why: 'its name is gone' })
    await clearStopFlag(iapeerRoot(), identity)
  }
}

/** A peer that runs is taken down first, in silence: its sessions go by its name. */
async function stopRunning(name: string, by: string): Promise<void> {
  const entry = await findPeer(iapeerRoot(), name)
  if (entry === undefined) return
  const { identities } = await identitiesNamed(name)
  for (const identity of identities) await clearStopFlag(iapeerRoot(), identity)
  const sessions = await Promise.all(identities.map((identity) => readSession(iapeerRoot(), identity)))
  const running = sessions.flatMap((session) => session?.identity ?? [])
  if (running.length === 0) return
  await stopSessions(running, { by })
  for (const identity of running) await clearStopFlag(iapeerRoot(), identity)
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
  await stopRunning(name, 'iapeer remove')
  const entry = await findPeer(iapeerRoot(), name)
  const { personality, home, keptProfile } = await removePeer(iapeerRoot(), name, new Date())
  if (entry !== undefined) await stopAgain(entry)
  if (options.json === true) {
    printJson({ personality, home, ...(keptProfile === undefined ? {} : { keptProfile }) })
    return
  }
  print(`${paint('bold', personality)} is forgotten; its files stay in ${home}`)
  if (keptProfile !== undefined) print(`  its profile is kept as ${keptProfile}`)
}
