import { IapeerError } from '@iapeer/core/errors'
import { iapeerRoot } from '@iapeer/core/paths'
import { peerNamed, startNamed } from '@iapeer/lifecycle/fleet'
import { isIdleState } from '@iapeer/lifecycle/sessions'
import type { OptionValues } from '../../command-spec.ts'
import { defineCommand } from '../../define-command.ts'
import { usageError } from '../../exit-code.ts'
import { launchSignal, unlessInterrupted } from '../../interrupt.ts'
import { askDaemon, launchBesideDaemon } from '../daemon/reach-daemon.ts'
import { JSON_OUTPUT, NO_DAEMON, parseTimeout } from '../options.ts'
import { PEER } from '../peers/peer-named.ts'
import { forAll, oneOrAll } from './every-peer.ts'
import { printLaunch } from './launch-output.ts'

/** Milliseconds. @throws IapeerError `usage` */
function parseLaunchTimeout(text: string): number {
  const timeoutMs = parseTimeout(text)
  if (timeoutMs > 0) return timeoutMs
  throw usageError('a launch takes longer than 0 seconds', 'Leave --timeout out, or give it more.')
}

const OPTIONS = {
  all: { help: 'every peer that sleeps; what was stopped stays so' },
  runtime: { value: 'runtime', help: 'as which runtime (default: its default one)' },
  timeout: {
    value: 'seconds',
    help: 'how long to wait until it is ready (default: 60)',
    parse: parseLaunchTimeout,
  },
  noDaemon: NO_DAEMON,
  json: JSON_OUTPUT,
} as const
type StartOptions = OptionValues<typeof OPTIONS>

const interrupted = (peer: string): IapeerError =>
  new IapeerError(`the command was interrupted; the daemon goes on starting ${peer}`, {
    code: 'interrupted',
    hint: `iapeer stop ${peer} stops it.`,
  })

async function start(peer: string, options: StartOptions): Promise<void> {
  const request = { timeoutMs: options.timeout, runtime: options.runtime }
  const root = iapeerRoot()
  const asked = askDaemon((daemon) => daemon.start(peer, request))
  const done = await unlessInterrupted(asked, () => interrupted(peer))
  if (done !== undefined) return printLaunch(done, options.json)
  await peerNamed(root, peer)
  const launched = await launchBesideDaemon(!options.noDaemon, () =>
    startNamed(root, peer, { ...request, signal: launchSignal() }),
  )
  printLaunch(launched, options.json)
}

export default defineCommand({
  name: 'start',
  summary:
    'start a peer; harmless when it runs. One that shows a dialog only you can answer stays up (exit code 8)',
  args: { peer: { ...PEER, optional: true, help: 'its name, or an identity of it (command-bob)' } },
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
