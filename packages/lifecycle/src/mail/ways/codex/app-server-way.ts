import type { Attempt } from '@iapeer/core/mailbox'
import {
  type Connection,
  connectionOf,
  conversationOf,
  currentThread,
  RpcRefused,
  RpcSilent,
  readThread,
  type Thread,
  type ThreadTurn,
  turnsOf,
  type UserItem,
} from '../../../conversations/codex/index.ts'
import { isMail } from '../../../conversations/index.ts'
import { isSparedAsMute } from '../../../sessions/index.ts'
import { lookAtThread } from '../../../turns/index.ts'
import type { Made, MailTarget, NotReady, Offer, Prepared, Proof, ProofRequest, Way } from '../../way.ts'
import { hasRoom } from '../has-room.ts'
import { holdsAttempt } from './envelope-proof.ts'

/** Returns why nothing is offered to the thread on the screen now. @throws RpcRefused, RpcSilent */
export async function threadNotReady(
  connection: Connection,
  { status, waitsFor }: Thread,
): Promise<NotReady | undefined> {
  if (waitsFor.length > 0) return 'blocked'
  if (status === 'unknown') return 'unknown'
  if (status !== 'systemError') return undefined
  return isSparedAsMute((await lookAtThread(connection)).turn, Date.now()) ? 'mute' : undefined
}

/** Runs a question to the server; `silent` if it does not answer. */
async function unlessSilent<T>(silent: T, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof RpcSilent || error instanceof RpcRefused) return silent
    throw error
  }
}

async function prepare(target: MailTarget, priority: Offer['priority']): Promise<Prepared> {
  const connected = await connectionOf(target)
  if (connected.kind === 'off') return { kind: 'off', why: connected.why }
  if (connected.kind === 'silent') return { kind: 'not-now', why: 'unknown' }
  return unlessSilent<Prepared>({ kind: 'not-now', why: 'unknown' }, async () => {
    const current = await currentThread(connected.connection)
    if (current === undefined) return { kind: 'not-now', why: 'booting' }
    const { thread } = current
    const why = await threadNotReady(connected.connection, thread)
    if (why !== undefined) return { kind: 'not-now', why }
    if (priority === 'idle' && thread.status === 'active') return { kind: 'not-now', why: 'busy' }
    if (!(await hasRoom(thread.path))) return { kind: 'not-now', why: 'disk' }
    return { kind: 'usable', conversation: await conversationOf(thread.id, thread.path) }
  })
}

async function activeTurn({ client }: Connection, thread: Thread): Promise<ThreadTurn | undefined> {
  for await (const turn of turnsOf(client, thread, 1)) return turn.status === 'inProgress' ? turn : undefined
  return undefined
}

/** Sends a message to a thread. @returns the turn that the server accepted it for @throws RpcRefused, RpcSilent */
async function send(connection: Connection, thread: Thread, { text, mark }: Offer): Promise<unknown> {
  const { client } = connection
  const message = {
    threadId: thread.id,
    clientUserMessageId: mark,
    input: [{ type: 'text', text, text_elements: [] }],
  }
  const active = thread.status === 'active' ? await activeTurn(connection, thread) : undefined
  if (active !== undefined) {
    try {
      return (await client.request('turn/steer', { ...message, expectedTurnId: active.id }))['turnId']
    } catch (error) {
      // That turn has just ended.
      if (!(error instanceof RpcRefused)) throw error
    }
  }
  const { turn } = await client.request('turn/start', message)
  return typeof turn === 'object' && turn !== null && 'id' in turn ? turn.id : undefined
}

async function offer(target: MailTarget, given: Offer, { conversation }: Attempt): Promise<Made> {
  const connected = await connectionOf(target)
  if (connected.kind !== 'connected')
    return { kind: 'not-made', why: connected.why, isOff: connected.kind === 'off' }
  const { connection } = connected
  const current = await unlessSilent(undefined, () => currentThread(connection))
  if (current?.thread.id !== conversation.id)
    return { kind: 'not-made', why: 'the conversation on the screen is another one now' }
  const why = await unlessSilent<NotReady | undefined>('unknown', () =>
    threadNotReady(connection, current.thread),
  )
  if (why !== undefined) return { kind: 'not-made', why }
  try {
    const turnId = await send(connection, current.thread, given)
    if (typeof turnId === 'string') connection.accepted.set(given.mark, { turnId })
    return { kind: 'made' }
  } catch (error) {
    if (error instanceof RpcRefused) return { kind: 'not-made', why: error.message }
    // It was sent, and is perhaps taken.
    if (error instanceof RpcSilent) return { kind: 'made' }
    throw error
  }
}

/** A message in a thread. */
interface FoundMessage {
  readonly turn: ThreadTurn
  readonly item: UserItem
}

/** Older turns than this before the attempt cannot hold it: their times are to the second. */
const MARGIN_MS = 5_000

/** Searches the turns since an attempt for its message: the id that we gave it, and our envelope in its text. */
async function findMessage(
  { client }: Connection,
  thread: Thread,
  request: ProofRequest,
): Promise<FoundMessage | undefined> {
  const { mark, at } = request.attempt
  const from = Date.parse(at) - MARGIN_MS
  for await (const turn of turnsOf(client, thread)) {
    const item = turn.userItems.find((one) => one.clientId === mark && holdsAttempt(one.text, request))
    if (item !== undefined) return { turn, item }
    if (turn.completedMs !== undefined && turn.completedMs < from) break
  }
  return undefined
}

/** How long a thread without the message is watched where it is unknown whether the server has accepted it. */
const ABSENT_MS = 5_000

/**
 * Returns whether a thread cannot have a message any more. The turn that the server accepted it for has ended. An attempt of an earlier
 * connection is absent where the thread was idle at two looks some seconds apart: a request that the server had not read yet is read
 * then, because the server reads a closed connection to its end.
 */
function isAbsent(
  connection: Connection,
  { mark }: Attempt,
  {
    status,
    acceptedTurn,
  }: { readonly status: Thread['status']; readonly acceptedTurn: ThreadTurn | undefined },
): boolean {
  const { accepted, missingSince } = connection
  if (accepted.has(mark)) return acceptedTurn !== undefined && acceptedTurn.status !== 'inProgress'
  if (status === 'active' || status === 'unknown') {
    missingSince.delete(mark)
    return false
  }
  const since = missingSince.get(mark) ?? Date.now()
  missingSince.set(mark, since)
  return Date.now() - since >= ABSENT_MS
}

async function turnById(
  { client }: Connection,
  thread: Thread,
  turnId: string,
): Promise<ThreadTurn | undefined> {
  for await (const turn of turnsOf(client, thread)) {
    if (turn.id === turnId) return turn
    if (turn.id < turnId) return undefined
  }
  return undefined
}

/**
 * Returns where a message was taken. Where the person had opened another conversation before, the turn that the message began is
 * interrupted: it would run where no person sees it.
 */
async function whereTaken(
  connection: Connection,
  { attempt }: ProofRequest,
  { turn, item }: FoundMessage,
): Promise<'left-thread' | undefined> {
  const current = await currentThread(connection)
  const threadId = attempt.conversation.id
  if (current === undefined || current.thread.id === threadId) return undefined
  if (current.sinceMs > (item.startedMs ?? Date.parse(attempt.at))) return undefined
  const isBegunByMail = turn.userItems[0] !== undefined && isMail(turn.userItems[0].text)
  if (turn.status === 'inProgress' && isBegunByMail)
    await connection.client.request('turn/interrupt', { threadId, turnId: turn.id })
  return 'left-thread'
}

/** Looks for a message in its thread while the session runs. @throws RpcRefused, RpcSilent */
async function proofIn(connection: Connection, request: ProofRequest): Promise<Proof> {
  const { attempt } = request
  // The status is read before the turns: a turn that ends in between is in the list.
  const thread = await readThread(connection.client, attempt.conversation.id)
  if (thread === undefined) return { kind: 'none' }
  const found = await findMessage(connection, thread, request)
  if (found !== undefined) {
    connection.accepted.delete(attempt.mark)
    const where = await whereTaken(connection, request, found)
    return { kind: 'taken', by: 'item', turn: found.turn.id, where }
  }
  const known = connection.accepted.get(attempt.mark)
  const acceptedTurn = known && (await turnById(connection, thread, known.turnId))
  if (isAbsent(connection, attempt, { status: thread.status, acceptedTurn })) {
    // The turn may have taken it between the two looks at its items and its status.
    const late = await findMessage(connection, thread, request)
    if (late === undefined) {
      connection.accepted.delete(attempt.mark)
      connection.missingSince.delete(attempt.mark)
      return { kind: 'absent', why: 'the turn has ended without it' }
    }
    return { kind: 'taken', by: 'item', turn: late.turn.id }
  }
  return { kind: known === undefined ? 'none' : 'accepted' }
}

/** Returns the turn that took a message; undefined if that is unknown now. */
export async function turnOfMessage(
  target: MailTarget,
  request: ProofRequest,
): Promise<ThreadTurn | undefined> {
  const connected = await connectionOf(target)
  if (connected.kind !== 'connected') return undefined
  const { connection } = connected
  return unlessSilent(undefined, async () => {
    const thread = await readThread(connection.client, request.attempt.conversation.id)
    return thread && (await findMessage(connection, thread, request))?.turn
  })
}

/** Gives a message to the private app-server of the session: it opens a turn, or joins the one that runs. */
export const appServerWay: Way = {
  name: 'app-server',
  prepare,
  offer,
  prove: async (target, request) => {
    const connected = await connectionOf(target)
    if (connected.kind !== 'connected') return { kind: 'none' }
    return unlessSilent<Proof>({ kind: 'none' }, () => proofIn(connected.connection, request))
  },
}
