import type { PeerView } from '@iapeer/lifecycle/fleet'

/** Returns the state of a peer, and what it waits for: `failed, starts in 12 s`, `blocked (login)`. */
export function stateText({ state, nextStartAt, dialog }: PeerView, nowMs = Date.now()): string {
  if (state === 'blocked' && dialog !== undefined) return `${state} (${dialog})`
  if (nextStartAt === undefined) return state
  return `${state}, starts in ${Math.max(0, Math.ceil((Date.parse(nextStartAt) - nowMs) / 1_000))} s`
}
