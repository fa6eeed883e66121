import { statSync } from 'node:fs'
import { errnoOf } from '@iapeer/core/errors'
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

/** Returns a conversation that was not counted yet. What is older than all that was counted is a copy, or of an earlier owner. */
function newConversation(id: string, { conversations }: CountedTokens): CountedConversation {
  const afterMs = Math.max(0, ...conversations.map(({ count }) => count.lastMs ?? 0))
  return { id, at: '', files: {}, count: afterMs === 0 ? NO_COUNT : { ...NO_COUNT, afterMs } }
}

/** Counts a conversation on, and makes it the last one. Files that cannot be read are left out. */
async function withConversation(tokens: CountedTokens, of: ConversationFiles): Promise<CountedTokens> {
  const { conversations } = tokens
  const known = conversations.find(({ id }) => id === of.id)
  try {
    const counted = await countOn(known ?? newConversation(of.id, tokens), of)
    if (counted === undefined) return tokens
    return { ...tokens, conversations: [...conversations.filter(({ id }) => id !== of.id), counted] }
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return tokens
  }
}

/** Puts the present conversation last: its last turn is that of the peer. */
function withLast(tokens: CountedTokens, id: string | undefined): CountedTokens {
  const { conversations } = tokens
  const present = conversations.filter((one) => one.id === id)
  return { ...tokens, conversations: [...conversations.filter((one) => one.id !== id), ...present] }
}

/** Returns the tokens of a session as they are now, and whether they differ from what is written. Writes nothing. */
export async function currentTokens(
  root: string,
  session: PeerSession,
): Promise<{ readonly tokens: CountedTokens; readonly isNew: boolean }> {
  const before = await readTokensFile(root, session.identity)
  const countLine = counterOf(session.identity)
  if (countLine === undefined) return { tokens: before, isNew: false }
  const last = before.conversations.at(-1)
  const found = await conversationFiles({ session })
  // Without a program that runs, the last known conversation is counted to its end.
  const all =
    found.length > 0 || last === undefined
      ? found
      : [{ id: last.id, paths: Object.keys(last.files), countLine }]
  let tokens = before
  for (const one of all) tokens = await withConversation(tokens, one)
  return { tokens: tokens === before ? before : withLast(tokens, all.at(-1)?.id), isNew: tokens !== before }
}

/** Counts what a session has used since the last call, and writes it. */
export async function updateTokens(root: string, session: PeerSession): Promise<void> {
  const { tokens, isNew } = await currentTokens(root, session)
  if (isNew) await writeTokensFile(root, session.identity, tokens)
}
