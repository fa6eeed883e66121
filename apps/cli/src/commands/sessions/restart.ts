import { iapeerRoot } from '@iapeer/core/paths'
import type { Outcome } from '@iapeer/lifecycle/fleet'
import { isRunningState } from '@iapeer/lifecycle/sessions'
import type { OptionValues } from '../../command-spec.ts'
import { defineCommand } from '../../define-command.ts'
import { EXIT, usageError } from '../../exit-code.ts'
import { launchSignal } from '../../interrupt.ts'
import { paint, print, printJson } from '../../output.ts'
import { askDaemonUnlessInterrupted } from '../daemon/reach-daemon.ts'
import { LAUNCH_EXIT_CODES, RESUME_OPTIONS, STOP_TIMEOUT } from '../options.ts'
import { PEER } from '../peers/peer-argument.ts'
import { registeredName } from '../peers/session-name.ts'
import { blockedText } from './blocked-text.ts'
import { conversationText } from './conversation-text.ts'
import { oneOrAll } from './one-or-all.ts'
import { renewPeer } from './renew-peer.ts'
import { startAdvice } from './start-advice.ts'

const OPTIONS = {
  all: { help: 'restart every peer that is running' },
  resume: { help: 'resume the conversation that it is in (default)' },
  ...RESUME_OPTIONS,
  fresh: { help: 'begin a new conversation; starts the peer if it is not running' },
  timeout: STOP_TIMEOUT,
  noDaemon: { help: 'with --fresh: do not start the daemon if none is running' },
  json: { help: 'print NDJSON: a line with one JSON object per peer' },
} as const

/** How `resumePeer` restarts a peer. */
interface ResumeOptions extends Pick<OptionValues<typeof OPTIONS>, 'timeout' | 'json'> {
  readonly conversation?: string | undefined
  readonly resumeOrFresh?: boolean | undefined
}

/**
 * Restarts a running peer and resumes its conversation. Does nothing, with exit code 3, if the peer is not running.
 * @returns what was done, for a summary
 */
export async function resumePeer(
  peer: string,
  { timeout: timeoutMs, json, conversation, resumeOrFresh }: ResumeOptions,
): Promise<string> {
  const root = iapeerRoot()
  const choice = {
    ...(conversation === undefined ? {} : { conversation }),
    ...(resumeOrFresh === true ? { orFresh: true } : {}),
  }
  let outcome: Outcome | undefined = await askDaemonUnlessInterrupted(`restarting ${peer}`, peer, (daemon) =>
    daemon.refresh(peer, { timeoutMs, ...choice }),
  )
  if (outcome === undefined) {
    const { refreshNamed } = await import('./without-daemon.ts')
    const request = { by: 'iapeer restart', timeoutMs, signal: launchSignal(), ...choice }
    outcome = await refreshNamed(root, peer, request)
  }
  const { session } = outcome
  if (outcome.state === 'not-running') process.exitCode = EXIT.notRunning
  if (session?.state === 'blocked') process.exitCode = EXIT.blocked
  if (json) printJson({ peer, ...outcome })
  else if (session === undefined) {
    const { advisedPeer } = await import('./advised-peer.ts')
    print(`${paint('bold', peer)} is not running\n  ${startAdvice(peer, await advisedPeer(root, peer))}`)
  } else {
    const name = await registeredName(session.identity)
    print(
      session.state === 'blocked'
        ? blockedText(name, session)
        : `${paint('green', '●')} ${paint('bold', name.shown)} is restarted: pid ${session.leaderPid}${conversationText(session)}`,
    )
  }
  if (session === undefined) return 'not running'
  return session.state === 'blocked' ? 'blocked' : 'restarted'
}

export default defineCommand({
  name: 'restart',
  summary: 'restart a running peer and resume the conversation that it is in',
  exitCodes: { 3: 'not running', ...LAUNCH_EXIT_CODES },
  args: { peer: { ...PEER, optional: true } },
  options: OPTIONS,
  run: async ({ args, options }) => {
    if (options.fresh && (options.resume || options.resumeOrFresh || options.conversation !== undefined))
      throw usageError('--fresh cannot be combined with an option that resumes', 'Use one of them.')
    const restart = (peer: string): Promise<string> =>
      options.fresh ? renewPeer(peer, options) : resumePeer(peer, options)
    const peer = oneOrAll(args.peer, options.all)
    if (peer === undefined) {
      const { forAll } = await import('./every-peer.ts')
      await forAll({
        skip: ({ state }) => (isRunningState(state) ? undefined : { reason: 'not running' }),
        act: restart,
        verb: 'restarting',
        json: options.json,
      })
    } else await restart(peer)
  },
})
