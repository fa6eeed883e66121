import { stat } from 'node:fs/promises'
import { errnoOf } from '@iapeer/core/errors'
import type { Conversation } from '@iapeer/core/mailbox'
import { formatProcessId, readCommandLine } from '@iapeer/core/process'
import {
  type ClaudeMailFiles,
  type ClaudeReport,
  claudeMailFiles,
  readClaudeReport,
  statedSettings,
  transcriptOf,
} from '../../runtimes/index.ts'
import type { PeerSession } from '../../sessions/index.ts'
import type { SessionTarget } from '../session-target.ts'
import { type HookEvent, HookEvents } from './hook-events.ts'
import { type PlacedRecord, TranscriptReader, type TranscriptStart } from './transcript.ts'

/** What Claude Code itself says about a session. */
export interface SessionFacts {
  readonly directory: string
  readonly files: ClaudeMailFiles
  readonly events: readonly HookEvent[]
  /** Undefined if its sessions file cannot be read or verified. */
  readonly report: ClaudeReport | undefined
}

const hookEvents = new HookEvents()
const transcripts = new TranscriptReader()
/** How much of a transcript is read to find what happened last. */
const TAIL_BYTES = 1024 * 1024

/** The directories of sessions, by leader and generation: one that has ended is not enrolled any more when it is looked at last. */
const directories = new Map<string, string>()
const MOST_DIRECTORIES = 1_000

/** Returns the directory of a session; undefined if it was launched without messages. */
function directoryOf({ mail, leader, gen }: PeerSession): string | undefined {
  const key = `${formatProcessId(leader)} ${gen ?? ''}`
  if (mail === undefined) return directories.get(key)
  directories.delete(key)
  directories.set(key, mail.directory)
  for (const oldest of directories.keys()) {
    if (directories.size <= MOST_DIRECTORIES) break
    directories.delete(oldest)
  }
  return mail.directory
}

/** Reads the calls of the hooks of a session; none for a session that was launched without messages. */
export async function eventsOf({ session }: SessionTarget): Promise<readonly HookEvent[]> {
  const directory = directoryOf(session)
  return directory === undefined ? [] : hookEvents.read(claudeMailFiles(directory).events)
}

/** Reads what Claude Code says about a session; undefined for a session that was launched without messages. */
export async function readFacts(target: SessionTarget): Promise<SessionFacts | undefined> {
  const { mail, leader } = target.session
  if (mail === undefined) return undefined
  const [events, report] = await Promise.all([eventsOf(target), readClaudeReport(leader)])
  return { directory: mail.directory, files: claudeMailFiles(mail.directory), events, report }
}

interface CurrentTranscript {
  readonly sessionId: string
  readonly transcript: string
}

/**
 * Returns the conversation that the session is in. Its id is that of the sessions file, which follows `/clear`; its path is what a
 * hook was passed for that id. A person can turn hooks off (`disableAllHooks`): then it is the file that is named after the id, once
 * there is one, and the command line has to show that the session uses our settings.
 */
export async function currentTranscript({
  events,
  report,
  files,
}: SessionFacts): Promise<CurrentTranscript | undefined> {
  if (report?.sessionId === undefined) return events.findLast(({ name }) => name !== 'SessionEnd')
  const { sessionId, configuration, pid } = report
  if (events.length > 0) return events.findLast((event) => event.sessionId === sessionId)
  if (statedSettings((await readCommandLine(pid))?.argv ?? []) !== files.settings) return undefined
  const transcript = await transcriptOf(configuration, sessionId)
  return transcript === undefined ? undefined : { sessionId, transcript }
}

interface FileState {
  readonly inode: string
  readonly size: number
  readonly mtimeMs: number
}

/** Returns the state of a file; undefined if it does not exist. */
export async function fileState(path: string): Promise<FileState | undefined> {
  try {
    const { ino, size, mtimeMs } = await stat(path, { bigint: true })
    return { inode: String(ino), size: Number(size), mtimeMs: Number(mtimeMs) }
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  }
}

/** Returns the conversation of a session as it is now: proof of an attempt is looked for from here on. */
export async function conversationOf(facts: SessionFacts): Promise<Conversation | undefined> {
  const current = await currentTranscript(facts)
  if (current === undefined) return undefined
  const { sessionId: id, transcript: path } = current
  const state = await fileState(path)
  // A new conversation has no file before its first turn.
  return {
    kind: 'claude',
    id,
    path,
    offset: state?.size ?? 0,
    ...(state === undefined ? {} : { inode: state.inode }),
  }
}

/** Reads what a transcript contains from a position on. @throws the Node.js system error */
export const readTranscript = (start: TranscriptStart) => transcripts.read(start)

/** Returns the last records of a transcript. @throws the Node.js system error */
export async function lastRecords(path: string): Promise<readonly PlacedRecord[]> {
  const state = await fileState(path)
  if (state === undefined) return []
  const { records } = await transcripts.read({ path, offset: Math.max(0, state.size - TAIL_BYTES) })
  return records
}
