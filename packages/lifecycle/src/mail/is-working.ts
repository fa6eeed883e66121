import type { PeerEntry } from '@iapeer/core/registry'
import type { PeerSession } from '../sessions/index.ts'
import { existingMailbox } from './mailboxes.ts'

/** Whether a session has a message that it works on, or one that is on its way to it: it must not be suspended now. */
export async function isWorkingOnMail(
  root: string,
  entry: PeerEntry,
  session: PeerSession,
): Promise<boolean> {
  const box = await existingMailbox(root, entry)
  if (box === undefined || !(await box.hasOpen())) return false
  return (await box.open()).some(
    ({ state, attempt, turn }) =>
      attempt?.gen === (session.gen ?? '') &&
      (state === 'offered' || (state === 'taken' && turn === 'running')),
  )
}
