import type { MuteCause, Turn } from './turn.ts'

/** The causes in plain words. */
export const MUTE_TEXTS: Readonly<Record<MuteCause, string>> = {
  'rate-limit': 'rate limit',
  quota: 'quota used up',
  authentication: 'not logged in, or refused',
  overload: 'model overloaded',
  server: 'server error',
  model: 'model not available',
  network: 'server not reachable',
  request: 'request refused',
  other: 'unknown error',
}

/** Returns what a turn is, without its time: `mute: rate limit`, `blocked: permission prompt (Bash)`. */
export function turnText({ state, dialog, cause }: Turn): string {
  if (state === 'blocked' && dialog !== undefined) return `blocked: ${dialog}`
  if (state === 'mute' && cause !== undefined) return `mute: ${MUTE_TEXTS[cause]}`
  return state
}
