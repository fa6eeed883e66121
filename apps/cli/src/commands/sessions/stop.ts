import { iapeerRoot } from '@iapeer/core/paths'
import { type PeerView, type StopView, settleFleet } from '@iapeer/lifecycle/fleet'
import { isRunningState } from '@iapeer/lifecycle/sessions'
import type { OptionValues } from '../../command-spec.ts'
import { defineCommand } from '../../define-command.ts'
import { paint, print, printJson } from '../../output.ts'
import { askDaemon } from '../daemon/reach-daemon.ts'
import { PEER_EXIT_CODES, STOP_TIMEOUT } from '../options.ts'
import { PEER } from '../peers/peer-argument.ts'
import { registeredName } from '../peers/session-name.ts'
import { onLogFailure } from './log-failure.ts'
import { oneOrAll } from './one-or-all.ts'

const OPTIONS = {
  all: { help: 'stop every peer, cancel planned starts, and stop servers that no peer uses any more' },
  timeout: STOP_TIMEOUT,
  force: { help: 'stop the peer even if another tmux server has taken its socket' },
  json: { help: 'print NDJSON: a line with one JSON object per session' },
} as const
type StopOptions = OptionValues<typeof OPTIONS>

function resultText(result: StopView): string {
  if (result.state === 'stopped') return 'was not running, and stays stopped'
  const killed = result.leader === 'killed' ? '; its program did not exit and was killed' : ''
  if (result.state === 'session-ended')
    return `is stopped${killed}; its tmux server keeps running, because it has other sessions`
  return `is stopped${killed}`
}

/** Stops a peer and prints the result. The caller has settled the fleet. @returns what was done, for a summary */
async function stop(peer: string, options: StopOptions): Promise<string> {
  const request = { timeoutMs: options.timeout, force: options.force }
  let stopped = await askDaemon((daemon) => daemon.stop(peer, request))
  if (stopped === undefined) {
    const { stopNamed } = await import('./without-daemon.ts')
    stopped = await stopNamed(iapeerRoot(), peer, { by: 'iapeer stop', onLogFailure, ...request })
  }
  for (const result of stopped) {
    if (options.json) printJson(result)
    else {
      const { shown } = await registeredName(result.identity)
      print(`${paint('dim', '○')} ${paint('bold', shown)} ${resultText(result)}`)
    }
  }
  return 'stopped'
}

/**
 * Stops every peer that is running, is being launched, has an unsettled end or a planned start; then the servers and recorders
 * that no peer uses any more.
 */
async function stopAll(options: StopOptions): Promise<void> {
  const root = iapeerRoot()
  const { activeIdentities, stopStrays } = await import('./without-daemon.ts')
  const { forAll } = await import('./every-peer.ts')
  const active: ReadonlySet<string> = await activeIdentities(root)
  const wanted = (one: PeerView): boolean =>
    isRunningState(one.state) || one.runtimes.some((runtime) => active.has(`${runtime}-${one.personality}`))
  await forAll({
    skip: (one) => (wanted(one) ? undefined : { reason: 'not running' }),
    act: (name) => stop(name, options),
    verb: 'stopping',
    json: options.json,
  })
  for (const { identity, serverPid } of await stopStrays(root)) {
    if (options.json) printJson({ identity, state: 'ended', serverPid, stray: true })
    else {
      const { shown } = await registeredName(identity)
      print(
        `${paint('dim', '○')} a tmux server that ${paint('bold', shown)} no longer used is stopped: pid ${serverPid}`,
      )
    }
  }
}

export default defineCommand({
  name: 'stop',
  exitCodes: PEER_EXIT_CODES,
  summary: 'stop a peer; it stays stopped, and no death is recorded',
  args: { peer: { ...PEER, optional: true } },
  options: OPTIONS,
  run: async ({ args, options }) => {
    const peer = oneOrAll(args.peer, options.all)
    await settleFleet(iapeerRoot())
    if (peer === undefined) await stopAll(options)
    else await stop(peer, options)
  },
})
