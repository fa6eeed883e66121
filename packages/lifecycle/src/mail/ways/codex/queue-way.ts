import { isIapeerError } from '@iapeer/core/errors'
import { findProgram } from '@iapeer/core/exec'
import type { Attempt, Priority } from '@iapeer/core/mailbox'
import {
  conversationOf,
  embeddedThread,
  isEmbedded,
  type RpcClient,
  RpcRefused,
  RpcSilent,
} from '../../../conversations/codex/index.ts'
import type { Made, MailTarget, Offer, Prepared, Proof, ProofRequest, Way } from '../../way.ts'
import { hasRoom } from '../has-room.ts'
import { findInRollout } from './find-in-rollout.ts'
import { listQueue, onQueue, type QueueLocation, removeFromQueue } from './queue-server.ts'

/** How often the queue is read for one message: each look starts a program for a moment. */
const LOOK_MS = 10_000

/** When the queue was read for a message, and whether it was there. */
const looks = new Map<string, { readonly atMs: number; readonly isQueued: boolean }>()
const MOST_LOOKS = 1_000

/** Runs requests on the queue; undefined if it cannot be asked now. */
async function ask<T>(
  location: QueueLocation,
  run: (client: RpcClient) => Promise<T>,
): Promise<T | undefined> {
  try {
    return await onQueue(location, run)
  } catch (error) {
    if (error instanceof RpcRefused || error instanceof RpcSilent) return undefined
    if (isIapeerError(error) && error.code === 'cannot-run') return undefined
    throw error
  }
}

async function prepare(target: MailTarget, _priority: Priority): Promise<Prepared> {
  if (!isEmbedded(target)) return { kind: 'off', why: 'Codex runs with an app-server' }
  const thread = await embeddedThread(target)
  if (thread === undefined) return { kind: 'off', why: 'the conversation of Codex is unknown' }
  if (thread.path === undefined) return { kind: 'off', why: 'the conversation has no turn yet' }
  if (!(await hasRoom(thread.path))) return { kind: 'not-now', why: 'disk' }
  return { kind: 'usable', conversation: await conversationOf(thread.id, thread.path) }
}

async function offer(target: MailTarget, { text, mark }: Offer, { conversation }: Attempt): Promise<Made> {
  const thread = await embeddedThread(target)
  if (thread?.id !== conversation.id)
    return { kind: 'not-made', why: 'the conversation on the screen is another one now' }
  const message = {
    ...{ threadId: thread.id, clientUserMessageId: mark },
    input: [{ type: 'text', text, text_elements: [] }],
  }
  try {
    await onQueue(thread, (client) => client.request('thread/queue/add', message))
    return { kind: 'made' }
  } catch (error) {
    if (error instanceof RpcRefused) return { kind: 'not-made', why: error.message, isOff: true }
    if (isIapeerError(error) && error.code === 'cannot-run')
      return { kind: 'not-made', why: error.message, isOff: true }
    // It was sent, and is perhaps in the queue.
    if (error instanceof RpcSilent) return { kind: 'made' }
    throw error
  }
}

async function taken(request: ProofRequest): Promise<Proof | undefined> {
  const found = await findInRollout(request)
  return found && { kind: 'taken', by: 'transcript', turn: found.turnId }
}

/** Looks for a message in the rollout, and then in the queue. It is absent where two looks some seconds apart find it in neither. */
async function prove(target: MailTarget, request: ProofRequest): Promise<Proof> {
  const proof = await taken(request)
  if (proof !== undefined) return proof
  const { mark, conversation } = request.attempt
  const last = looks.get(mark)
  const waits: Proof = { kind: last?.isQueued === true ? 'accepted' : 'none' }
  if (last !== undefined && Date.now() - last.atMs < LOOK_MS) return waits
  const thread = await embeddedThread(target)
  const queue = thread && (await ask(thread, (client) => listQueue(client, conversation.id)))
  if (queue === undefined) return waits
  if (looks.size > MOST_LOOKS) looks.clear()
  const isQueued = queue.some((one) => one.mark === mark)
  looks.set(mark, { atMs: Date.now(), isQueued })
  if (isQueued) return { kind: 'accepted' }
  if (last === undefined || last.isQueued) return (await taken(request)) ?? { kind: 'none' }
  return (await taken(request)) ?? { kind: 'absent', why: 'neither in the queue nor in the conversation' }
}

/** Returns where the queue of an ended session is: its rollout is in the directory of Codex. */
async function queueOfEnded(
  { profile }: MailTarget,
  { conversation }: Attempt,
): Promise<QueueLocation | undefined> {
  const [, codexHome] = /^(.*)\/sessions\/.*$/s.exec(conversation.path ?? '') ?? []
  const command = profile.command?.find((word) => /(?:^|\/)codex$/.test(word)) ?? 'codex'
  const program = await findProgram(command, process.env['PATH'] ?? '', '/')
  return codexHome === undefined || program === undefined ? undefined : { codexHome, program }
}

/**
 * Looks a last time for a message that was queued: what is still in the queue would be taken when the conversation is resumed, so it is
 * removed from there.
 */
export async function lastLookInQueue(target: MailTarget, request: ProofRequest): Promise<Proof> {
  const { mark, conversation } = request.attempt
  const location = await queueOfEnded(target, request.attempt)
  const removed =
    location && (await ask(location, (client) => removeFromQueue(client, conversation.id, mark)))
  const proof = await taken(request)
  if (proof !== undefined) return proof
  return removed === 'removed' ? { kind: 'absent', why: 'it was still in the queue' } : { kind: 'none' }
}

/** Puts a message into the queue of Codex. A TUI without an app-server takes it when it is idle, within some seconds. */
export const queueWay: Way = {
  name: 'queue',
  prepare,
  offer,
  prove,
  withdraw: async (target, { attempt }) => {
    const thread = await embeddedThread(target)
    const { mark, conversation } = attempt
    return (
      thread !== undefined &&
      (await ask(thread, (client) => removeFromQueue(client, conversation.id, mark))) === 'removed'
    )
  },
}
