import { callerEnvironment } from '@iapeer/core/exec'
import { iapeerRoot } from '@iapeer/core/paths'
import { readNumber, SETTINGS } from '@iapeer/core/settings'
import { deathsText, type LaunchView, type PeerView } from '@iapeer/lifecycle/fleet'
import { isRunningState } from '@iapeer/lifecycle/sessions'
import type { OptionValues } from '../../command-spec.ts'
import { defineCommand } from '../../define-command.ts'
import { usageError } from '../../exit-code.ts'
import { launchSignal } from '../../interrupt.ts'
import { paint, print } from '../../output.ts'
import { askDaemonUnlessInterrupted } from '../daemon/reach-daemon.ts'
import { JSON_OUTPUT, LAUNCH_EXIT_CODES, NO_DAEMON, parseTimeout, RESUME_OPTIONS } from '../options.ts'
import { PEER } from '../peers/peer-argument.ts'
import type { Skip } from './every-peer.ts'
import { printLaunch } from './launch-output.ts'
import { oneOrAll } from './one-or-all.ts'
import { reportQueue } from './report-queue.ts'
import { startAdvice } from './start-advice.ts'

/** Reads seconds, more than 0. @returns milliseconds @throws IapeerError `usage` */
function parseLaunchTimeout(text: string): number {
  const timeoutMs = parseTimeout(text)
  if (timeoutMs > 0) return timeoutMs
  throw usageError('--timeout must be greater than 0', 'Omit --timeout, or use more seconds.')
}

const OPTIONS = {
  all: {
    help: 'start every peer that is not running, as memory allows, except those that were stopped on purpose or gave up; also ends the hold of restarts after a mass death',
  },
  runtime: { value: 'runtime', help: "runtime to start (default: the peer's default)" },
  timeout: {
    value: 'seconds',
    help: 'seconds to wait in the queue (default: launch.wait_secs; always with --all), then until the peer is ready (default: 60)',
    parse: parseLaunchTimeout,
  },
  resume: {
    help: 'resume the conversation that it was in last; for a suspended peer, that is the default',
  },
  ...RESUME_OPTIONS,
  now: { help: 'do not wait for memory or for other starts' },
  noDaemon: NO_DAEMON,
  json: JSON_OUTPUT,
} as const
/** How many starts of `--all` are asked for at a time: most of them are queued. */
const AT_ONCE = 16

type StartOptions = OptionValues<typeof OPTIONS>

/** Returns how long a start may be queued: of many, most wait for the others, which `--timeout` does not mean. */
const queueMsOf = ({ all, timeout }: StartOptions): number =>
  all || timeout === undefined ? readNumber(process.env, SETTINGS.launchWaitSecs) * 1_000 : timeout

async function launch(peer: string, options: StartOptions): Promise<LaunchView> {
  const environment = callerEnvironment(process.env)
  const { conversation, resumeOrFresh } = options
  const choice = {
    ...(options.resume || resumeOrFresh ? { resume: true } : {}),
    ...(conversation === undefined ? {} : { conversation }),
    ...(resumeOrFresh ? { orFresh: true } : {}),
  }
  const request = {
    timeoutMs: options.timeout,
    queueMs: queueMsOf(options),
    runtime: options.runtime,
    environment,
    ...choice,
    ...(options.now ? { now: true } : {}),
  }
  const root = iapeerRoot()
  const done = await askDaemonUnlessInterrupted(`starting ${peer}`, peer, (daemon) =>
    daemon.start(peer, request),
  )
  if (done !== undefined) return done
  const { launchAndStartDaemon, peerNamed, startNamed } = await import('./without-daemon.ts')
  await peerNamed(root, peer)
  return launchAndStartDaemon(!options.noDaemon, () =>
    startNamed(root, peer, { ...request, signal: launchSignal() }),
  )
}

/** Starts a peer and prints the result. @returns what was done, for the summary */
async function start(peer: string, options: StartOptions): Promise<string> {
  const launched = await reportQueue({ peer, isOneOfMany: options.all }, launch(peer, options))
  await printLaunch(launched, options.json)
  return { launched: 'started', already: 'already running', blocked: 'blocked' }[launched.state]
}

/** Returns why `start --all` leaves out a peer. */
function skipOf({ personality, state, leaderPid, loop }: PeerView): Skip | undefined {
  const name = paint('bold', personality)
  if (isRunningState(state)) {
    const [glyph, word] =
      state === 'blocked' || state === 'unresponsive'
        ? [paint('yellow', '!'), `running, but ${state}`]
        : [paint('green', '●'), 'already running']
    return { reason: word, line: `${glyph} ${name} is skipped: ${word}, pid ${leaderPid}` }
  }
  if (state === 'stopped')
    return {
      reason: 'stopped on purpose',
      line: `${paint('dim', '○')} ${name} is skipped: it was stopped on purpose; iapeer start ${personality} starts it`,
    }
  if (state !== 'crash-loop') return undefined
  const deaths = loop === undefined ? '' : ` after ${deathsText(loop)}`
  return {
    reason: 'gave up',
    line: `${paint('red', '✕')} ${name} is skipped: it gave up${deaths}\n  ${startAdvice(personality, { state })}`,
  }
}

export default defineCommand({
  name: 'start',
  exitCodes: {
    1: 'not started; with --all: at least one peer was not started (if all failed alike: the code of that error)',
    ...LAUNCH_EXIT_CODES,
  },
  summary:
    'start a peer with a new conversation; does nothing if it is running. A peer that shows a dialog only you can answer keeps running as blocked (exit code 8)',
  args: { peer: { ...PEER, optional: true } },
  options: OPTIONS,
  run: async ({ args, options }) => {
    const peer = oneOrAll(args.peer, options.all)
    if (peer !== undefined) {
      await start(peer, options)
      return
    }
    const { releaseStartsOf } = await import('./without-daemon.ts')
    if ((await releaseStartsOf(iapeerRoot())) && !options.json)
      print('restarts and messages start peers again: they were held after a mass death')
    const { forAll } = await import('./every-peer.ts')
    await forAll({
      skip: skipOf,
      act: (name) => start(name, options),
      verb: 'starting',
      announces: true,
      atOnce: AT_ONCE,
      json: options.json,
    })
  },
})
