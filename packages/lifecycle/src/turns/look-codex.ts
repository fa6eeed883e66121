import { stat } from 'node:fs/promises'
import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import type { Conversation } from '@iapeer/core/mailbox'
import { TmuxServer } from '@iapeer/tmux'
import {
  type Connection,
  connectionOf,
  conversationOf,
  currentThread,
  embeddedThread,
  isEmbedded,
  loadedThreads,
  type RolloutRecord,
  RpcRefused,
  RpcSilent,
  rolloutRecords,
  subAgentsOf,
  type Thread,
  type ThreadTurn,
  turnsOf,
} from '../conversations/codex/index.ts'
import type { SessionTarget } from '../conversations/index.ts'
import { codexScreen } from '../runtimes/index.ts'
import { judgeRolloutTurn, judgeThreadTurn, type RolloutTurn } from './codex-turn.ts'
import { type TurnLook, unknownTurn } from './turn-look.ts'

/** How many failed turns in a row are looked at to find the first one. */
const MOST_FAILED = 40
/** How much of the end of a rollout is searched for its last turns, one after the other: a turn can write a lot. */
const TAIL_BYTES = [1024 * 1024, 32 * 1024 * 1024, 1024 * 1024 * 1024]
/** A rollout that is written to is that of a turn that goes on: no dialog is open. In milliseconds. */
const QUIET_MS = 2_000
const TMUX_MS = 1_000

/** Returns the newest turns, up to the first that did not fail. */
async function lastTurns({ client }: Connection, thread: Thread): Promise<readonly ThreadTurn[]> {
  const turns: ThreadTurn[] = []
  try {
    for await (const turn of turnsOf(client, thread, 5)) {
      turns.push(turn)
      if (turn.status !== 'failed' || turns.length >= MOST_FAILED) break
    }
  } catch (error) {
    // Some milliseconds after its first turn began, the server cannot list the turns of a thread.
    if (!(error instanceof RpcRefused)) throw error
  }
  return turns
}

/** Looks at the thread on the screen, by its app-server. @throws RpcRefused, RpcSilent */
export async function lookAtThread(connection: Connection): Promise<TurnLook> {
  const loaded = await loadedThreads(connection.client)
  const current = await currentThread(connection, loaded)
  if (current === undefined) return unknownTurn('Codex has no conversation open')
  const { thread } = current
  const reported = connection.statuses.get(thread.id)
  const isSame =
    reported !== undefined &&
    reported.status === thread.status &&
    reported.waitsFor.join() === thread.waitsFor.join()
  return judgeThreadTurn({
    thread,
    statusMs: isSame ? reported.atMs : undefined,
    subAgents: subAgentsOf(loaded, thread.id),
    turns: await lastTurns(connection, thread),
  })
}

/** Returns the last turn of a rollout; `unknown` if it began before what is searched. */
async function lastTurnOf(id: string, path: string): Promise<RolloutTurn | 'unknown' | undefined> {
  const conversation = await conversationOf(id, path)
  const size = conversation.offset ?? 0
  for (const bytes of TAIL_BYTES) {
    const found = await lastTurnSince({ ...conversation, offset: Math.max(0, size - bytes) })
    if (found !== undefined) return found
    if (bytes >= size) return undefined
  }
  return 'unknown'
}

async function lastTurnSince(conversation: Conversation): Promise<RolloutTurn | undefined> {
  let last: Exclude<RolloutRecord, { readonly kind: 'user' }> | undefined
  let failingMs: number | undefined
  for await (const record of rolloutRecords(conversation)) {
    if (record.kind === 'user') continue
    last = record
    if (record.kind === 'begin') continue
    failingMs = record.error === undefined ? undefined : (failingMs ?? record.atMs)
  }
  if (last === undefined) return undefined
  if (last.kind === 'begin') return { kind: 'begin', atMs: last.atMs }
  return { kind: 'end', atMs: last.atMs, error: last.error, failingSinceMs: failingMs }
}

/** Returns the dialog on the screen; undefined if there is none, or the screen cannot be read. */
async function dialogOnScreen({ session }: SessionTarget): Promise<string | undefined> {
  const { socketPath, server, paneId } = session
  try {
    const handle = new TmuxServer({ socketPath, process: server, timeoutMs: TMUX_MS })
    const { step, input } = codexScreen.read(await handle.capturePane(paneId))
    if (input !== undefined) return undefined
    return step.kind === 'person' || step.kind === 'press' ? step.dialog : undefined
  } catch (error) {
    if (!isIapeerError(error)) throw error
    return undefined
  }
}

async function isQuiet(path: string): Promise<boolean> {
  try {
    return Date.now() - (await stat(path)).mtimeMs >= QUIET_MS
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return false
  }
}

/** Looks at the conversation on disk: what a Codex without an app-server does. */
export async function lookAtRollout(target: SessionTarget): Promise<TurnLook> {
  const thread = await embeddedThread(target)
  if (thread === undefined) return unknownTurn('it could not be found out which conversation Codex has open')
  if (thread.path === undefined) return judgeRolloutTurn(undefined)
  const last = await lastTurnOf(thread.id, thread.path)
  if (last === 'unknown') return unknownTurn('the last turn began too far back in the rollout')
  const mayWait = last?.kind === 'begin' && (await isQuiet(thread.path))
  const look = judgeRolloutTurn(last, mayWait ? await dialogOnScreen(target) : undefined)
  return { ...look, paths: [thread.path] }
}

/** Reads what a session of Codex does: from its app-server, else from its rollout. @throws the Node.js system error */
export async function lookAtCodex(target: SessionTarget): Promise<TurnLook> {
  if (isEmbedded(target)) return lookAtRollout(target)
  const connected = await connectionOf(target)
  if (connected.kind === 'silent') return unknownTurn(`the server of Codex does not answer: ${connected.why}`)
  if (connected.kind === 'off') return lookAtRollout(target)
  try {
    // What the server reports shows a change.
    return { ...(await lookAtThread(connected.connection)), paths: [] }
  } catch (error) {
    if (!(error instanceof RpcRefused) && !(error instanceof RpcSilent)) throw error
    return unknownTurn(`the server of Codex does not answer: ${error.message}`)
  }
}
