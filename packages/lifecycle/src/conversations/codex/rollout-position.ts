import { stat } from 'node:fs/promises'
import { errnoOf } from '@iapeer/core/errors'
import type { Conversation } from '@iapeer/core/mailbox'

/** Returns the conversation of a thread, with the present end of its rollout. */
export async function conversationOf(id: string, path: string | undefined): Promise<Conversation> {
  if (path === undefined) return { kind: 'codex', id }
  try {
    const { ino, size } = await stat(path, { bigint: true })
    return { kind: 'codex', id, path, inode: String(ino), offset: Number(size) }
  } catch (error) {
    // The rollout is made with the first turn.
    if (errnoOf(error) !== 'ENOENT') throw error
    return { kind: 'codex', id, path, offset: 0 }
  }
}
