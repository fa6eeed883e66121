import type { PeerView } from '@iapeer/lifecycle'

/** What a peer is doing; of one that waits, for how long: `asleep, starts in 12 s`. */
export function stateWords({ state, nextStartAt }: PeerView, nowMs = Date.now()): string {
  if (nextStartAt === undefined) return state
  return `${state}, starts in ${Math.max(0, Math.ceil((Date.parse(nextStartAt) - nowMs) / 1_000))} s`
}
