import { readClaudeReport, transcriptOf } from '../runtimes/index.ts'
import type { CurrentConversation, PeerSession } from '../sessions/index.ts'
import type { HookEvent } from './claude/hook-events.ts'
import { eventsOf, fileState } from './claude/session-facts.ts'

/** The hooks that the conversation on the screen calls. A late call of another hook can still name the one before. */
const NAMING: ReadonlySet<string> = new Set(['SessionStart', 'UserPromptSubmit'])

/** The sessions file is at most this far behind the hooks, in milliseconds. */
const BEHIND_MS = 1_000

const lastNaming = (events: readonly HookEvent[]): HookEvent | undefined =>
  events.findLast(({ name }) => NAMING.has(name))

/** Returns the conversation of that id. It has a file once it has a turn. */
async function stored(id: string, path: string | undefined): Promise<CurrentConversation> {
  const hasTurn = path !== undefined && (await fileState(path)) !== undefined
  return hasTurn ? { id, path, hasTurn } : { id, hasTurn }
}

/** Returns the conversation that the last hook named. */
export async function lastOfClaude(session: PeerSession): Promise<CurrentConversation | undefined> {
  const named = lastNaming(await eventsOf({ session }))
  return named === undefined ? undefined : stored(named.sessionId, named.transcript)
}

/** Returns the conversation in the sessions file of Claude Code, or, right after a change, the one that a hook named. */
export async function currentOfClaude(session: PeerSession): Promise<CurrentConversation | undefined> {
  const [events, report] = await Promise.all([eventsOf({ session }), readClaudeReport(session.leader)])
  const named = lastNaming(events)
  const id = report?.sessionId
  const isFresh = named !== undefined && Date.now() - named.atMs < BEHIND_MS
  if (report === undefined || id === undefined || isFresh)
    return named === undefined ? undefined : stored(named.sessionId, named.transcript)
  const path = events.findLast(({ sessionId }) => sessionId === id)?.transcript
  return stored(id, path ?? (await transcriptOf(report.configuration, id)))
}
