import { existsSync } from 'node:fs'
import type { CurrentConversation, PeerSession } from '../sessions/index.ts'
import { connectionOf, shownLast } from './codex/connections.ts'
import { currentThread } from './codex/current-thread.ts'
import { embeddedThread, isEmbedded } from './codex/embedded-thread.ts'
import { RpcRefused, RpcSilent } from './codex/rpc-client.ts'

/** Returns the conversation of a thread. It has a rollout once it has a turn. */
function stored(id: string, path: string | undefined): CurrentConversation {
  const hasTurn = path !== undefined && existsSync(path)
  return hasTurn ? { id, path, hasTurn } : { id, hasTurn }
}

/** Returns the thread that the app-server of a session reported last to this process. */
export async function lastOfCodex(session: PeerSession): Promise<CurrentConversation | undefined> {
  const shown = shownLast(session)
  return shown === undefined ? undefined : { id: shown.threadId, hasTurn: undefined }
}

/** Returns the thread on the screen. A new connection takes the one that is pinned for the one that was shown last. */
export async function currentOfCodex(session: PeerSession): Promise<CurrentConversation | undefined> {
  if (isEmbedded({ session })) {
    const thread = await embeddedThread({ session })
    return thread === undefined ? undefined : stored(thread.id, thread.path)
  }
  const connected = await connectionOf({ session })
  if (connected.kind !== 'connected') return undefined
  const { connection } = connected
  const { id, confirmedAt } = session.conversation ?? {}
  if (connection.shown === undefined && id !== undefined && confirmedAt !== undefined)
    connection.shown = { threadId: id, atMs: Date.parse(confirmedAt) }
  try {
    const current = await currentThread(connection)
    return current === undefined ? undefined : stored(current.thread.id, current.thread.path)
  } catch (error) {
    if (error instanceof RpcSilent || error instanceof RpcRefused) return undefined
    throw error
  }
}
