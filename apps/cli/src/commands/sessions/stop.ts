import { iapeerRoot } from '@iapeer/core/paths'
import { type PeerView, type StopView, settleFleet, stopNamed, stopStrays } from '@iapeer/lifecycle/fleet'
import { listSessions, type PeerState } from '@iapeer/lifecycle/sessions'
import { askDaemon } from '../../daemon.ts'
import { paint, print, printJson } from '../../output.ts'
import { checkedName } from '../../peers.ts'
import { parseTimeout } from '../../sessions.ts'
import { forAll } from '../fleet.ts'
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
  const stopped =
    (await askDaemon((daemon) => daemon.stop(name, request))) ??
    (await stopNamed(iapeerRoot(), name, { by: 'iapeer stop', onLogFailure, ...request }))
  for (const result of stopped) {
    if (options.json === true) printJson(result)
    else print(`${paint('dim', '✕')} ${paint('bold', result.identity)} ${said(result)}`)
  }
}

const RUNNING: readonly PeerState[] = ['alive', 'unresponsive', 'blocked', 'managed']

/**
 * Every peer that runs, whose end was not seen yet, or that the daemon is about to start again; then the servers and recorders that
 * no peer has any more.
 */
export async function stopAll(options: StopOptions): Promise<void> {
  const root = iapeerRoot()
  await settleFleet(root)
  const enrolled = new Set((await listSessions(root)).map(({ identity }) => String(identity)))
  const wanted = (one: PeerView): boolean =>
    RUNNING.includes(one.state) ||
    one.nextStartAt !== undefined ||
    one.runtimes.some((runtime) => enrolled.has(`${runtime}-${one.personality}`))
  await forAll(wanted, (name) => stop(name, options))
  for (const { identity, serverPid } of await stopStrays(root)) {
    if (options.json === true) printJson({ identity, state: 'ended', serverPid, stray: true })
    else
      print(
        `${paint('dim', '✕')} tmux server ${serverPid}, which ${paint('bold', identity)} had left, is stopped`,
      )
  }
}
