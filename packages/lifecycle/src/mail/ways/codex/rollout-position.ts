import { stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
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

const LEAST_BYTES = 32 * 1024 * 1024
const LEAST_SHARE = 0.01

/** Returns whether the disk of a rollout has room: without, a message would be worked on and leave no record. */
export async function hasRoom(path: string | undefined): Promise<boolean> {
  for (let directory = path; directory !== undefined && directory !== dirname(directory); ) {
    directory = dirname(directory)
    try {
      const { bavail, blocks, bsize } = await statfs(directory)
      return bavail * bsize >= LEAST_BYTES && bavail >= blocks * LEAST_SHARE
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
    }
  }
  return true
}
