import { IapeerError } from '@iapeer/core/errors'
import { iapeerRoot } from '@iapeer/core/paths'
import { peerNamed, startNamed } from '@iapeer/lifecycle/fleet'
import { isIdleState } from '@iapeer/lifecycle/sessions'
import type { OptionValues } from '../../command-spec.ts'
import { defineCommand } from '../../define-command.ts'
import { usageError } from '../../exit-code.ts'
import { launchSignal, rejectOnInterrupt } from '../../interrupt.ts'
import { askDaemon, launchAndStartDaemon } from '../daemon/reach-daemon.ts'
import { JSON_OUTPUT, LAUNCH_EXIT_CODES, NO_DAEMON, parseTimeout } from '../options.ts'
import { PEER } from '../peers/peer-named.ts'
import { forAll, oneOrAll } from './every-peer.ts'
import { printLaunch } from './launch-output.ts'

/** Reads seconds, more than 0. @returns milliseconds @throws IapeerError `usage` */
function parseLaunchTimeout(text: string): number {
  const timeoutMs = parseTimeout(text)
  if (timeoutMs > 0) return timeoutMs
  throw usageError('--timeout must be greater than 0', 'Omit --timeout, or use more seconds.')
}

const OPTIONS = {
  all: {
    help: 'start every peer that is not running, except those that were stopped on purpose or are in a crash loop',
  },
  runtime: { value: 'runtime', help: "runtime to start (default: the peer's default)" },
  timeout: {
    value: 'seconds',
    help: 'seconds to wait until the peer is ready (default: 60)',
    parse: parseLaunchTimeout,
  },
  noDaemon: NO_DAEMON,
  json: JSON_OUTPUT,
} as const
type StartOptions = OptionValues<typeof OPTIONS>

const interrupted = (peer: string): IapeerError =>
  new IapeerError(`the command was interrupted; the daemon is still starting ${peer}`, {
    code: 'interrupted',
    hint: `Stop it: iapeer stop ${peer}`,
  })

async function start(peer: string, options: StartOptions): Promise<void> {
  const request = { timeoutMs: options.timeout, runtime: options.runtime }
  const root = iapeerRoot()
  const response = askDaemon((daemon) => daemon.start(peer, request))
  const done = await rejectOnInterrupt(response, () => interrupted(peer))
  if (done !== undefined) return printLaunch(done, options.json)
  await peerNamed(root, peer)
  const launched = await launchAndStartDaemon(!options.noDaemon, () =>
    startNamed(root, peer, { ...request, signal: launchSignal() }),
  )
  await printLaunch(launched, options.json)
}

export default defineCommand({
  name: 'start',
  exitCodes: LAUNCH_EXIT_CODES,
  summary:
    'start a peer; does nothing if it is running. A peer that shows a dialog only you can answer keeps running as blocked (exit code 8)',
  args: { peer: { ...PEER, optional: true } },
  options: OPTIONS,
  run: async ({ args, options }) => {
    const peer = oneOrAll(args.peer, options.all)
    if (peer !== undefined) return start(peer, options)
    await forAll(
      ({ state }) => isIdleState(state),
      (name) => start(name, options),
    )
  },
})
