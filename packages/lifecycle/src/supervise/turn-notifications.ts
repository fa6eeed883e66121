import { durationText, type Notification } from '../deaths/index.ts'
import { MUTE_TEXTS, type MuteCause, type PeerSession, type Turn } from '../sessions/index.ts'

/** What the agent of a session does. */
export interface SessionTurn {
  readonly session: PeerSession
  readonly turn: Turn
}

/** An agent that cannot answer is notified after this time: many errors pass with the next attempt. In milliseconds. */
const MUTE_MS = 60_000
/** From this number on, agents that cannot answer for one reason are one notification. */
const FLEET = 3

interface At {
  readonly nowMs: number
  readonly blockedMs: number
}

type TurnNotification = Omit<Notification, 'schemaVersion' | 'deaths'>

const sinceMs = ({ turn }: SessionTurn): number => Date.parse(turn.since ?? '')

const idOf = (word: string, one: SessionTurn): string =>
  `${word}-${one.session.identity}-${one.session.gen ?? ''}-${sinceMs(one)}`

/** A launch that waits has a notification of its own. */
function blockedNotification(one: SessionTurn, { nowMs, blockedMs }: At): TurnNotification[] {
  const { session, turn } = one
  const forMs = nowMs - sinceMs(one)
  if (turn.state !== 'blocked' || turn.source === 'launch' || !(forMs >= blockedMs)) return []
  const dialog = turn.dialog === undefined ? '' : ` (${turn.dialog})`
  return [
    {
      id: idOf('blocked', one),
      kind: 'blocked',
      identity: session.identity,
      summary: `${session.identity} has waited for a person for ${durationText(forMs)}${dialog}`,
      next: `it waits until you answer: iapeer attach ${session.identity}`,
    },
  ]
}

const ADVICE = {
  'rate-limit': 'it tries again when it gets its next message',
  quota: 'it can answer when its limit is reset or raised',
  authentication: 'log in again in its terminal: iapeer attach',
  overload: 'it tries again when it gets its next message',
  server: 'it tries again when it gets its next message',
  model: 'choose another model in its terminal: iapeer attach',
  network: 'check the network of this host',
  request: 'look at its conversation: iapeer attach',
  other: 'look at its terminal: iapeer attach',
} as const satisfies Record<MuteCause, string>

const muteText = ({ turn }: SessionTurn, cause: MuteCause): string =>
  `${MUTE_TEXTS[cause]}${turn.detail === undefined ? '' : ` (${turn.detail})`}`

function muteNotifications(
  cause: MuteCause,
  mute: readonly SessionTurn[],
  nowMs: number,
): TurnNotification[] {
  const [first] = mute
  if (first === undefined) return []
  if (mute.length < FLEET)
    return mute.map((one) => ({
      id: idOf('mute', one),
      kind: 'mute',
      identity: one.session.identity,
      summary: `${one.session.identity} cannot answer: ${muteText(one, cause)}`,
      next: ADVICE[cause],
    }))
  const names = mute.map(({ session }) => session.identity)
  const shown =
    names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ')
  return [
    {
      id: `mute-fleet-${cause}-${new Date(nowMs).toISOString().slice(0, 13)}`,
      kind: 'mute',
      summary: `${mute.length} agents cannot answer: ${muteText(first, cause)}: ${shown}`,
      next: ADVICE[cause],
    },
  ]
}

/**
 * Returns the notifications about what agents do: those that wait for a person for too long, and those that cannot answer. Agents that
 * cannot answer for one reason are one notification an hour. Pure.
 */
export function turnNotifications(turns: readonly SessionTurn[], at: At): TurnNotification[] {
  const blocked = turns.flatMap((one) => blockedNotification(one, at))
  const byCause = new Map<MuteCause, SessionTurn[]>()
  for (const one of turns) {
    const { state, cause } = one.turn
    if (state !== 'mute' || cause === undefined || !(at.nowMs - sinceMs(one) >= MUTE_MS)) continue
    byCause.set(cause, [...(byCause.get(cause) ?? []), one])
  }
  const mute = [...byCause].flatMap(([cause, all]) =>
    muteNotifications(
      cause,
      all.toSorted((one, other) => sinceMs(one) - sinceMs(other)),
      at.nowMs,
    ),
  )
  return [...blocked, ...mute]
}
