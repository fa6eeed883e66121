import { join } from 'node:path'
import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { parseIdentity } from '@iapeer/core/identity'
import { namesIn } from '@iapeer/core/storage'
import { currentTranscript, readFacts } from '../conversations/claude/index.ts'
import {
  connectionOf,
  currentThread,
  embeddedThread,
  isEmbedded,
  RpcRefused,
  RpcSilent,
} from '../conversations/codex/index.ts'
import type { SessionTarget } from '../conversations/index.ts'
import { countClaude, countCodex, type TokenCount } from './count.ts'

/** The files in which a conversation records its tokens. */
export interface ConversationFiles {
  readonly id: string
  readonly paths: readonly string[]
  readonly countLine: (count: TokenCount, line: string) => TokenCount
}

/** Sub-agents of Claude Code have files of their own, in a directory beside the transcript. */
async function claudeFiles(target: SessionTarget): Promise<ConversationFiles | undefined> {
  const facts = await readFacts(target)
  const current = facts === undefined ? undefined : await currentTranscript(facts)
  if (current === undefined) return undefined
  const { sessionId: id, transcript } = current
  const directory = join(transcript.replace(/\.jsonl$/, ''), 'subagents')
  const names = await namesIn(directory, { ignoreMissingDirectory: true })
  const paths = names.filter((name) => name.endsWith('.jsonl')).map((name) => join(directory, name))
  return { id, paths: [transcript, ...paths.sort()], countLine: countClaude }
}

async function threadOf(
  target: SessionTarget,
): Promise<{ readonly id: string; readonly path?: string | undefined } | undefined> {
  if (isEmbedded(target)) return embeddedThread(target)
  const connected = await connectionOf(target)
  if (connected.kind !== 'connected') return undefined
  try {
    return (await currentThread(connected.connection))?.thread
  } catch (error) {
    if (error instanceof RpcRefused || error instanceof RpcSilent) return undefined
    throw error
  }
}

async function codexFiles(target: SessionTarget): Promise<ConversationFiles | undefined> {
  const thread = await threadOf(target)
  if (thread?.path === undefined) return undefined
  return { id: thread.id, paths: [thread.path], countLine: countCodex }
}

/** Returns what counts the lines of a runtime; undefined for one that records no tokens. */
export function counterOf(identity: string): ConversationFiles['countLine'] | undefined {
  const runtime = parseIdentity(identity)?.runtime
  if (runtime === 'claude') return countClaude
  return runtime === 'codex' ? countCodex : undefined
}

/** Returns the files of the conversation of a session; undefined if they are not known, and for a runtime that records no tokens. */
export async function conversationFiles(target: SessionTarget): Promise<ConversationFiles | undefined> {
  const runtime = parseIdentity(target.session.identity)?.runtime
  try {
    if (runtime === 'claude') return await claudeFiles(target)
    return runtime === 'codex' ? await codexFiles(target) : undefined
  } catch (error) {
    if (errnoOf(error) === undefined && !isIapeerError(error)) throw error
    return undefined
  }
}
