import { paint, plain } from '../../output.ts'
import type { SessionName } from '../peers/session-name.ts'

interface BlockedSession {
  readonly leaderPid: number
  readonly dialog?: string | undefined
  readonly hint?: string | undefined
  readonly screen?: string | undefined
}

/** Returns the text about a peer that waits for a person: what its screen shows, and how to answer it. */
export function blockedText(
  { shown, argument }: SessionName,
  { leaderPid, dialog, hint, screen = '' }: BlockedSession,
): string {
  const cause = dialog === undefined ? 'by what its screen shows' : `by a dialog (${plain(dialog)})`
  const rows = screen === '' ? ['(its screen cannot be read)'] : screen.split('\n')
  return [
    `${paint('yellow', '!')} ${paint('bold', shown)} is running but blocked ${cause}: pid ${leaderPid}`,
    ...rows.map((row) => `  ${paint('dim', '│')} ${plain(row)}`),
    ...(hint === undefined ? [] : [`  ${hint}`]),
    `  iapeer attach ${argument}   attach and answer it; iapeer then finishes the launch`,
  ].join('\n')
}
