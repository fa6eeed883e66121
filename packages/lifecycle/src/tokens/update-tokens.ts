import { statSync } from 'node:fs'
import { type FilePosition, linesFrom } from '../conversations/index.ts'
import type { PeerSession } from '../sessions/index.ts'
import { type ConversationFiles, conversationFiles, counterOf } from './conversation-files.ts'
import { NO_COUNT } from './count.ts'
import {
  type CountedConversation,
  type CountedTokens,
  readTokensFile,
  writeTokensFile,
} from './tokens-file.ts'

/** Whether a file has changed since it was counted. */
function isChanged(path: string, { inode, offset = 0 }: FilePosition): boolean {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false })
  return stats !== undefined && (String(stats.ino) !== inode || Number(stats.size) !== offset)
}

/** Counts on; undefined if nothing was added. A file that was replaced is counted again: its conversation then counts twice. */
async function countOn(
  before: CountedConversation,
  { paths, countLine }: Pick<ConversationFiles, 'paths' | 'countLine'>,
): Promise<CountedConversation | undefined> {
  let { files, count } = before
  for (const path of paths) {
    const from = files[path] ?? {}
    if (!isChanged(path, from)) continue
    let position: FilePosition = from
    for await (const next of linesFrom(path, from)) {
      count = countLine(count, next.line)
      position = next.position
    }
    files = { ...files, [path]: position }
  }
  return files === before.files ? undefined : { ...before, files, count, at: new Date().toISOString() }
}

const newConversation = (id: string): CountedConversation => ({ id, at: '', files: {}, count: NO_COUNT })

/** Returns the tokens of a session as they are now, and whether they differ from what is written. Writes nothing. */
export async function currentTokens(
  root: string,
  session: PeerSession,
): Promise<{ readonly tokens: CountedTokens; readonly isNew: boolean }> {
  const tokens = await readTokensFile(root, session.identity)
  const { conversations } = tokens
  const last = conversations.at(-1)
  const countLine = counterOf(session.identity)
  if (countLine === undefined) return { tokens, isNew: false }
  // Without a program that runs, the last known conversation is counted to its end.
  const ofLast = last === undefined ? undefined : { id: last.id, paths: Object.keys(last.files), countLine }
  const current = (await conversationFiles({ session })) ?? ofLast
  if (current === undefined) return { tokens, isNew: false }
  const known = conversations.find(({ id }) => id === current.id)
  const counted = await countOn(known ?? newConversation(current.id), current)
  if (counted === undefined) return { tokens, isNew: false }
  const others = conversations.filter(({ id }) => id !== current.id)
  return { tokens: { ...tokens, conversations: [...others, counted] }, isNew: true }
}

/** Counts what a session has used since the last call, and writes it. */
export async function updateTokens(root: string, session: PeerSession): Promise<void> {
  const { tokens, isNew } = await currentTokens(root, session)
  if (isNew) await writeTokensFile(root, session.identity, tokens)
}
