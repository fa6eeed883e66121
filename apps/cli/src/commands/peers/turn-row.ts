import type { PeerView } from '@iapeer/lifecycle/fleet'
import { turnText } from '@iapeer/lifecycle/fleet/status'
import { type TimeOptions, timeText } from '../../times.ts'

/** The sources in plain words. */
export const SOURCE_TEXTS = {
  launch: 'its launch',
  'sessions-file': 'its sessions file',
  hook: 'its hooks',
  transcript: 'its transcript',
  'app-server': 'its app-server',
  rollout: 'its rollout',
  screen: 'its screen',
  output: 'its output',
  process: 'the process table',
  none: 'no source',
} as const satisfies Record<NonNullable<PeerView['turn']>['source'], string>

/** Returns what an agent does in one line: `mute: rate limit (HTTP 429), since 4 min ago; by its hooks`. */
export function turnRow(turn: PeerView['turn'], options: TimeOptions): string | undefined {
  if (turn === undefined) return undefined
  const { since, detail, source } = turn
  const why = detail === undefined ? '' : ` (${detail})`
  const from = since === undefined ? '' : `, since ${timeText(since, options)}`
  const by = source === 'none' ? '' : `; by ${SOURCE_TEXTS[source]}`
  return `${turnText(turn)}${why}${from}${by}`
}
