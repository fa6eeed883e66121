import type { Mailbox, Message } from '@iapeer/core/mailbox'
import { createEventLog } from '../eventlog/index.ts'
import { stopInactive } from '../reap/index.ts'
import type { PeerSession } from '../sessions/index.ts'
import { findOriginal } from './asker.ts'
import type { Delivery } from './attempts.ts'
import { noticeReturned } from './notices.ts'

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

/** How long a worker whose task is closed may go on working, for its last words. */
const LAST_WORDS_MS = 60_000

/** Stops the session of an ephemeral worker whose task is closed. The next task gets a fresh one. */
export async function reapWorkers(delivery: Delivery, open: readonly Message[]): Promise<void> {
  const { context, box, profile, sessions } = delivery
  for (const session of sessions) {
    const { task, isDone } = await taskOf(box, open, session)
    if (task === undefined || !isDone) continue
    const adapter = context.adapterOf(session.identity)
    const readiness = await adapter.readiness({ root: context.root, session, profile })
    const closedMs = Date.now() - Date.parse(task.history.at(-1)?.at ?? '')
    if (readiness !== 'ready' && closedMs < LAST_WORDS_MS) continue
    await stopInactive(context.root, session, { as: 'reap', log: createEventLog(context.root) })
  }
}

/** Whether an answer can reach the session that asked. If that has ended, it is returned: a fresh one does not know the question. */
export async function canGiveAnswer(
  { context, box, sessions }: Delivery,
  message: Message,
): Promise<boolean> {
  const asked = await findOriginal(context.root, message)
  const gen = asked?.from.gen
  if (gen === undefined || sessions.some((session) => session.gen === gen)) return true
  const why = 'the session that asked has ended'
  const next = await context.ledger.change(box, message, { state: 'returned', why, attempt: null })
  if (next !== undefined) await noticeReturned(context, next, why)
  return false
}
