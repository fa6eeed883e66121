import type { ExitRecord } from '@iapeer/forensics'
import type { DeathContext } from '@iapeer/lifecycle/deaths'
import { turnText } from '@iapeer/lifecycle/fleet/status'
import { plain } from '../../output.ts'
import { durationText } from '../../times.ts'

/** Returns what a session was doing when it died: `mute: rate limit (HTTP 429), for 40 min`. */
export function doingText({ ts }: Pick<ExitRecord, 'ts'>, { turn }: DeathContext): string | undefined {
  if (turn === undefined) return undefined
  const detail = turn.detail === undefined ? '' : ` (${plain(turn.detail)})`
  const forMs = turn.since === undefined ? Number.NaN : Date.parse(ts) - Date.parse(turn.since)
  return `${plain(turnText(turn))}${detail}${Number.isNaN(forMs) ? '' : `, for ${durationText(forMs)}`}`
}

/** Returns the rows of an autopsy about the session before its death. */
export function contextRows(record: ExitRecord, context: DeathContext): [label: string, text: string][] {
  const doing = doingText(record, context)
  return doing === undefined ? [] : [['doing', doing]]
}
