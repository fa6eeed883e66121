import type { PeerView } from '@iapeer/lifecycle'

/** What a peer is doing; of one that waits, for how long, or for what: `asleep, starts in 12 s`, `blocked (login)`. */
export function stateWords({ state, nextStartAt, dialog }: PeerView, nowMs = Date.now()): string {
  if (state === 'blocked' && dialog !== undefined) return `${state} (${dialog})`
  if (nextStartAt === undefined) return state
  return `${state}, starts in ${Math.max(0, Math.ceil((Date.parse(nextStartAt) - nowMs) / 1_000))} s`
}
