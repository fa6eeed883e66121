import type { PeerView } from '@iapeer/lifecycle/fleet'

/** Returns what a peer is doing, and what it waits for: `asleep, starts in 12 s`, `blocked (login)`. */
export function stateWords({ state, nextStartAt, dialog }: PeerView, nowMs = Date.now()): string {
  if (state === 'blocked' && dialog !== undefined) return `${state} (${dialog})`
  if (nextStartAt === undefined) return state
  return `${state}, starts in ${Math.max(0, Math.ceil((Date.parse(nextStartAt) - nowMs) / 1_000))} s`
}
