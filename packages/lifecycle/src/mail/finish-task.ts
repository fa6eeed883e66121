import { parseIdentity } from '@iapeer/core/identity'
import { findPeer } from '@iapeer/core/registry'
import type { PeerSession } from '../sessions/index.ts'
import { Ledger } from './ledger.ts'
import { existingMailbox } from './mailboxes.ts'
import { taskOf } from './worker.ts'

/** Closes the message that a session works on, because the session says that it is done. @returns whether there was one */
export async function finishTask(root: string, session: PeerSession): Promise<boolean> {
  const entry = await findPeer(root, parseIdentity(session.identity)?.personality ?? '')
  const box = entry === undefined ? undefined : await existingMailbox(root, entry)
  if (box === undefined) return false
  const { task, isDone } = await taskOf(box, await box.open(), session)
  if (task === undefined || isDone || task.state !== 'taken') return isDone
  const done = await new Ledger(root).change(box, task, { state: 'handled', turn: null, why: 'self-done' })
  return done !== undefined
}
