import { readClaudeReport, transcriptOf } from '../runtimes/index.ts'
import type { CurrentConversation, PeerSession } from '../sessions/index.ts'
import type { HookEvent } from './claude/hook-events.ts'
import { eventsOf, fileState } from './claude/session-facts.ts'

/** The hooks that the conversation on the screen calls. A late call of another hook can still name the one before. */
const NAMING: ReadonlySet<string> = new Set(['SessionStart', 'UserPromptSubmit'])

/** What starts a session whose conversation has had a turn. */
const OF_FORMER_TURNS: ReadonlySet<string> = new Set(['resume', 'compact'])

/** The sessions file is at most this far behind the hooks, in milliseconds. */
const BEHIND_MS = 1_000

const lastNaming = (events: readonly HookEvent[]): HookEvent | undefined =>
  events.findLast(({ name }) => NAMING.has(name))

/** Whether a hook was called that only a conversation with a turn calls. Its file may have been removed since. */
const isOfTurn = ({ name, source }: HookEvent): boolean =>
  name === 'Stop' || name === 'StopFailure' || (name === 'SessionStart' && OF_FORMER_TURNS.has(source ?? ''))

/** Returns the conversation of that id. It has a file once it has a turn. */
async function stored(
  events: readonly HookEvent[],
  { id, path }: { readonly id: string; readonly path: string | undefined },
): Promise<CurrentConversation> {
  const hadTurn = events.some((event) => event.sessionId === id && isOfTurn(event))
  const hasTurn = hadTurn || (path !== undefined && (await fileState(path)) !== undefined)
  return hasTurn ? { id, path, hasTurn } : { id, hasTurn }
}

/** Returns the conversation that the last hook named. */
export async function lastOfClaude(session: PeerSession): Promise<CurrentConversation | undefined> {
  const events = await eventsOf({ session })
  const named = lastNaming(events)
  return named === undefined ? undefined : stored(events, { id: named.sessionId, path: named.transcript })
}

/** Returns the conversation in the sessions file of Claude Code, or, right after a change, the one that a hook named. */
export async function currentOfClaude(session: PeerSession): Promise<CurrentConversation | undefined> {
  const [events, report] = await Promise.all([eventsOf({ session }), readClaudeReport(session.leader)])
  const named = lastNaming(events)
  const id = report?.sessionId
  const isFresh = named !== undefined && Date.now() - named.atMs < BEHIND_MS
  if (report === undefined || id === undefined || isFresh)
    return named === undefined ? undefined : stored(events, { id: named.sessionId, path: named.transcript })
  const path = events.findLast(({ sessionId }) => sessionId === id)?.transcript
  return stored(events, { id, path: path ?? (await transcriptOf(report.configuration, id)) })
}
