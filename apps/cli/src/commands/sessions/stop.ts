import { iapeerRoot } from '@iapeer/core/paths'
import { type StopView, settleFleet, stopNamed, stopStrays } from '@iapeer/lifecycle'
import { runningDaemon } from '../../daemon.ts'
import { paint, print, printJson } from '../../output.ts'
import { checkedName } from '../../peers.ts'
import { parseTimeout } from '../../sessions.ts'
import { onLogFailure } from './start.ts'

interface StopOptions {
  readonly timeout?: string
  readonly force?: boolean
  readonly json?: boolean
}

function said(result: StopView): string {
  if (result.state === 'stopped') return 'was not running; it stays stopped'
  const how = result.leader === 'killed' ? '; its program had to be killed' : ''
  if (result.state === 'session-ended')
    return `is stopped${how}; its tmux server lives on, others have sessions there`
  return `is stopped${how}`
}

export async function stop(peer: string, options: StopOptions): Promise<void> {
  const request = { timeoutMs: parseTimeout(options.timeout), force: options.force }
  const name = checkedName(peer)
  await settleFleet(iapeerRoot())
  const daemon = await runningDaemon()
  const stopped =
    daemon === undefined
      ? await stopNamed(iapeerRoot(), name, { by: 'iapeer stop', onLogFailure, ...request })
      : await daemon.stop(name, request)
  for (const result of stopped) {
    if (options.json === true) printJson(result)
    else print(`${paint('dim', '✕')} ${paint('bold', result.identity)} ${said(result)}`)
  }
}

/** Behind `stop --all`: nothing of the root runs on that no peer has any more. */
export async function stopRest(options: StopOptions): Promise<void> {
  for (const { identity, serverPid } of await stopStrays(iapeerRoot())) {
    if (options.json === true) printJson({ identity, state: 'ended', serverPid, stray: true })
    else
      print(
        `${paint('dim', '✕')} tmux server ${serverPid}, which ${paint('bold', identity)} had left, is stopped`,
      )
  }
}
