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
  loadedThreads,
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
async function claudeConversation(id: string, transcript: string): Promise<ConversationFiles> {
  const directory = join(transcript.replace(/\.jsonl$/, ''), 'subagents')
  const names = await namesIn(directory, { ignoreMissingDirectory: true })
  const paths = names.filter((name) => name.endsWith('.jsonl')).map((name) => join(directory, name))
  return { id, paths: [transcript, ...paths.sort()], countLine: countClaude }
}

interface ThreadFile {
  readonly id: string
  readonly path?: string | undefined
}

/** Returns the threads of a person that a session has open, the one on the screen last. */
async function threadsOf(target: SessionTarget): Promise<readonly ThreadFile[]> {
  if (isEmbedded(target)) return [await embeddedThread(target)].filter((thread) => thread !== undefined)
  const connected = await connectionOf(target)
  if (connected.kind !== 'connected') return []
  try {
    const { connection } = connected
    const threads = (await loadedThreads(connection.client)).filter(({ isOfPerson }) => isOfPerson)
    const current = (await currentThread(connection, threads))?.thread
    const others = threads.filter(({ id }) => id !== current?.id)
    // Their ids are in the order of their beginnings.
    return [...others.toSorted((one, other) => (one.id < other.id ? -1 : 1)), ...(current ? [current] : [])]
  } catch (error) {
    if (error instanceof RpcRefused || error instanceof RpcSilent) return []
    throw error
  }
}

/** Returns the conversations of a session in their order: a hook is passed each one that it was in. */
async function claudeFiles(target: SessionTarget): Promise<readonly ConversationFiles[]> {
  const facts = await readFacts(target)
  if (facts === undefined) return []
  const transcripts = new Map(facts.events.map(({ sessionId, transcript }) => [sessionId, transcript]))
  const current = await currentTranscript(facts)
  if (current !== undefined) {
    transcripts.delete(current.sessionId)
    transcripts.set(current.sessionId, current.transcript)
  }
  return Promise.all([...transcripts].map(([id, transcript]) => claudeConversation(id, transcript)))
}

async function codexFiles(target: SessionTarget): Promise<readonly ConversationFiles[]> {
  return (await threadsOf(target)).flatMap(({ id, path }) =>
    path === undefined ? [] : [{ id, paths: [path], countLine: countCodex }],
  )
}

/** Returns what counts the lines of a runtime; undefined for one that records no tokens. */
export function counterOf(identity: string): ConversationFiles['countLine'] | undefined {
  const runtime = parseIdentity(identity)?.runtime
  if (runtime === 'claude') return countClaude
  return runtime === 'codex' ? countCodex : undefined
}

/**
 * Returns the conversations that a session is in, or was in before `/clear` or `/new`, the present one last; none if they are not known, and
 * for a runtime that records no tokens.
 */
export async function conversationFiles(target: SessionTarget): Promise<readonly ConversationFiles[]> {
  const runtime = parseIdentity(target.session.identity)?.runtime
  try {
    if (runtime === 'claude') return await claudeFiles(target)
    return runtime === 'codex' ? await codexFiles(target) : []
  } catch (error) {
    if (errnoOf(error) === undefined && !isIapeerError(error)) throw error
    return []
  }
}
