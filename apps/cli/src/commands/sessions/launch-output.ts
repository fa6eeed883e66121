import type { LaunchView } from '@iapeer/lifecycle/fleet'
import { EXIT } from '../../exit-code.ts'
import { paint, print, printJson } from '../../output.ts'
import { blockedText } from './blocked-text.ts'

/** Prints how a launch ended, and sets the exit code. */
export function printLaunch({ warnings, ...launched }: LaunchView, json: boolean): void {
  for (const warning of warnings) process.stderr.write(`iapeer: ${warning}\n`)
  const { state, identity, leaderPid } = launched
  if (state === 'blocked') process.exitCode = EXIT.blocked
  if (json) {
    printJson(launched)
    return
  }
  if (state === 'blocked') {
    print(blockedText(launched))
    return
  }
  print(
    `${paint('green', '●')} ${paint('bold', identity)} is ${state === 'already' ? 'up already' : 'up'}: pid ${leaderPid}`,
  )
  print(`  iapeer attach ${identity}   sit down at it; prefix d leaves it running`)
}
