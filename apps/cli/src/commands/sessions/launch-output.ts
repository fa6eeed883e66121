import type { LaunchView } from '@iapeer/lifecycle/fleet'
import { EXIT } from '../../exit-code.ts'
import { paint, print, printJson } from '../../output.ts'
import { logoutText } from '../host/linger-hint.ts'
import { blockedText } from './blocked-text.ts'
import { conversationText } from './conversation-text.ts'

/** Prints the result of a launch, and sets the exit code. */
export async function printLaunch({ warnings, ...launched }: LaunchView, json: boolean): Promise<void> {
  for (const warning of warnings) process.stderr.write(`iapeer: ${warning}\n`)
  const { state, identity, leaderPid } = launched
  if (state === 'blocked') process.exitCode = EXIT.blocked
  if (json) {
    printJson(launched)
    return
  }
  const { registeredName } = await import('../peers/session-name.ts')
  const name = await registeredName(identity)
  if (state === 'blocked') {
    print(blockedText(name, launched))
    return
  }
  const running = state === 'already' ? 'is already running' : 'is running'
  print(
    `${paint('green', '●')} ${paint('bold', name.shown)} ${running}: pid ${leaderPid}${conversationText(launched)}`,
  )
  const logout = state === 'already' ? undefined : logoutText()
  if (logout !== undefined) print(`  ${logout}`)
  print(`  iapeer attach ${name.argument}   attach to its terminal; detach with prefix d`)
}
