import type { Mailbox, Message } from '@iapeer/core/mailbox'
import type { PeerSession } from '../sessions/index.ts'

/** How many of the newest closed messages are looked at. */
const NEWEST = 50

const isOf = (session: PeerSession, { attempt, taken }: Message): boolean => {
  const gen = taken?.gen ?? attempt?.gen
  return gen !== undefined && gen === (session.gen ?? '')
}

const isWork = ({ kind }: Message): boolean => kind === 'task' || kind === 'message'

/** What the present session of an ephemeral worker has been given. */
export interface WorkerTask {
  readonly task: Message | undefined
  /** Whether its task is closed: the session has done what it was started for. */
  readonly isDone: boolean
}

/** Returns the task of a worker's session: a worker gets one task for each fresh session. */
export async function taskOf(
  box: Mailbox,
  open: readonly Message[],
  session: PeerSession,
): Promise<WorkerTask> {
  const present = open.find(
    (one) => isWork(one) && isOf(session, one) && (one.state === 'offered' || one.state === 'taken'),
  )
  if (present !== undefined) return { task: present, isDone: false }
  for (const { id } of (await box.closedFiles()).slice(-NEWEST)) {
    const message = await box.read(id)
    if (message?.taken !== undefined && isWork(message) && isOf(session, message))
      return { task: message, isDone: true }
  }
  return { task: undefined, isDone: false }
}
