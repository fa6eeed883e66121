import {
  conversationOf,
  embeddedThread,
  type RolloutRecord,
  rolloutRecords,
} from '../../../conversations/codex/index.ts'
import { isSparedAsMute } from '../../../sessions/index.ts'
import { lookAtRollout } from '../../../turns/index.ts'
import type { MailTarget, NotReady } from '../../way.ts'

/** How much of the end of a rollout is searched for the beginning or the end of its last turn. */
const TAIL_BYTES = 1024 * 1024
/** For how long nothing is offered after a person has interrupted a turn. */
export const INTERRUPTED_MS = 30_000

type TurnRecord = Exclude<RolloutRecord, { readonly kind: 'user' }>

/** Returns the last beginning or end of a turn of a Codex that runs without an app-server; undefined before its first turn. */
export async function lastTurnRecord(target: MailTarget): Promise<TurnRecord | undefined> {
  const thread = await embeddedThread(target)
  if (thread?.path === undefined) return undefined
  const conversation = await conversationOf(thread.id, thread.path)
  const offset = Math.max(0, (conversation.offset ?? 0) - TAIL_BYTES)
  let last: TurnRecord | undefined
  for await (const record of rolloutRecords({ ...conversation, offset }))
    if (record.kind !== 'user') last = record
  return last
}

/** Returns whether anything may be offered to a Codex that runs without an app-server, by the last turn in its rollout. */
export async function embeddedReadiness(target: MailTarget): Promise<'ready' | NotReady> {
  const last = await lastTurnRecord(target)
  if (last?.kind !== 'end') return 'ready'
  if (last.outcome.kind === 'failed')
    return isSparedAsMute((await lookAtRollout(target)).turn, Date.now()) ? 'mute' : 'ready'
  const isFresh = Date.now() - last.atMs < INTERRUPTED_MS
  return last.outcome.kind === 'interrupted' && isFresh ? 'interrupted' : 'ready'
}
