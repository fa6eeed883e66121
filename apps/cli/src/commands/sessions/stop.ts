import { iapeerRoot } from '@iapeer/core/paths'
import {
  activeIdentities,
  type PeerView,
  type StopView,
  settleFleet,
  stopNamed,
  stopStrays,
} from '@iapeer/lifecycle/fleet'
import { isRunningState } from '@iapeer/lifecycle/sessions'
import type { OptionValues } from '../../command-spec.ts'
import { defineCommand } from '../../define-command.ts'
import { paint, print, printJson } from '../../output.ts'
import { askDaemon } from '../daemon/reach-daemon.ts'
import { STOP_TIMEOUT } from '../options.ts'
import { PEER } from '../peers/peer-named.ts'
import { forAll, oneOrAll } from './every-peer.ts'
import { onLogFailure } from './log-failure.ts'

const OPTIONS = {
  all: { help: 'every peer that runs or is about to, and what ended ones have left' },
  timeout: STOP_TIMEOUT,
  force: { help: 'also where another tmux server has taken its socket' },
  json: { help: 'one JSON object a session' },
} as const
type StopOptions = OptionValues<typeof OPTIONS>

function said(result: StopView): string {
  if (result.state === 'stopped') return 'was not running; it stays stopped'
  const how = result.leader === 'killed' ? '; its program had to be killed' : ''
  if (result.state === 'session-ended')
    return `is stopped${how}; its tmux server lives on, others have sessions there`
  return `is stopped${how}`
}

/** Stops a peer of a fleet that is settled. */
async function stop(peer: string, options: StopOptions): Promise<void> {
  const request = { timeoutMs: options.timeout, force: options.force }
  const stopped =
    (await askDaemon((daemon) => daemon.stop(peer, request))) ??
    (await stopNamed(iapeerRoot(), peer, { by: 'iapeer stop', onLogFailure, ...request }))
  for (const result of stopped) {
    if (options.json) printJson(result)
    else print(`${paint('dim', '✕')} ${paint('bold', result.identity)} ${said(result)}`)
  }
}

/**
 * Every peer that runs, whose end was not seen yet, that is being launched, or that the daemon is to start again; then the servers and recorders that
 * no peer has any more.
 */
async function stopAll(options: StopOptions): Promise<void> {
  const root = iapeerRoot()
  const active: ReadonlySet<string> = await activeIdentities(root)
  const wanted = (one: PeerView): boolean =>
    isRunningState(one.state) || one.runtimes.some((runtime) => active.has(`${runtime}-${one.personality}`))
  await forAll(wanted, (name) => stop(name, options))
  for (const { identity, serverPid } of await stopStrays(root)) {
    if (options.json) printJson({ identity, state: 'ended', serverPid, stray: true })
    else
      print(
        `${paint('dim', '✕')} tmux server ${serverPid}, which ${paint('bold', identity)} had left, is stopped`,
      )
  }
}

export default defineCommand({
  name: 'stop',
  summary: 'take a peer down, in silence; it stays down until it is started',
  args: { peer: { ...PEER, optional: true } },
  options: OPTIONS,
  run: async ({ args, options }) => {
    const peer = oneOrAll(args.peer, options.all)
    await settleFleet(iapeerRoot())
    await (peer === undefined ? stopAll(options) : stop(peer, options))
  },
})
