import { paint, plain } from '../../output.ts'

interface Blocked {
  readonly identity: string
  readonly leaderPid: number
  readonly dialog?: string | undefined
  readonly hint?: string | undefined
  readonly screen?: string | undefined
}

/** Returns what a person reads about a peer that waits for them: what its screen shows, and how to answer it. */
export function blockedText({ identity, leaderPid, dialog, hint, screen = '' }: Blocked): string {
  const what = dialog === undefined ? 'by what its screen shows' : `by a dialog (${plain(dialog)})`
  const rows = screen === '' ? ['(its screen cannot be read)'] : screen.split('\n')
  return [
    `${paint('yellow', '!')} ${paint('bold', identity)} is up and blocked ${what}: pid ${leaderPid}`,
    ...rows.map((row) => `  ${paint('dim', '│')} ${plain(row)}`),
    ...(hint === undefined ? [] : [`  ${hint}`]),
    `  iapeer attach ${identity}   answer it; then iapeer finishes the launch`,
  ].join('\n')
}
