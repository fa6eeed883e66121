import { iapeerRoot } from '@iapeer/core/paths'
import { type LaunchView, peerNamed, renewNamed, startNamed } from '@iapeer/lifecycle/fleet'
import { blockedText } from '../../blocked-text.ts'
import { askDaemon, launchBesideDaemon } from '../../daemon.ts'
import { EXIT, usageError } from '../../exit-code.ts'
import { paint, print, printJson } from '../../output.ts'
import { checkedName, peerHere } from '../../peers.ts'
import { parseTimeout } from '../../sessions.ts'
import { forAll } from '../fleet.ts'

interface StartOptions {
  readonly runtime?: string
  readonly timeout?: string
  /** False: a start does not bring up the daemon. */
  readonly daemon?: boolean
  readonly json?: boolean
}

function tell({ warnings, ...launched }: LaunchView, json: boolean | undefined): void {
  for (const warning of warnings) process.stderr.write(`iapeer: ${warning}\n`)
  const { state, identity, leaderPid } = launched
  if (state === 'blocked') process.exitCode = EXIT.blocked
  if (json === true) {
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

/** Ctrl-C ends a boot and leaves nothing of it; a second one ends this command at once. */
function callOff(): AbortSignal {
  const asked = new AbortController()
  process.removeAllListeners('SIGINT')
  process.once('SIGINT', () => {
    asked.abort()
    process.once('SIGINT', () => process.exit(EXIT.interrupted))
  })
  return asked.signal
}

/** A log that cannot be written ends nothing. */
export const onLogFailure = (error: unknown): void => {
  process.stderr.write(
    `iapeer: this is not in lifecycle.log: ${error instanceof Error ? error.message : error}\n`,
  )
}

export async function start(peer: string, options: StartOptions): Promise<void> {
  const timeoutMs = parseTimeout(options.timeout)
  if (timeoutMs === 0)
    throw usageError('a launch takes longer than 0 seconds', 'Leave --timeout out, or give it more.')
  const name = checkedName(peer)
  const request = { timeoutMs, runtime: options.runtime }
  const root = iapeerRoot()
  const done = await askDaemon((daemon) => daemon.start(name, request))
  if (done !== undefined) return tell(done, options.json)
  await peerNamed(root, name)
  const launched = await launchBesideDaemon(options.daemon, () =>
    startNamed(root, name, { ...request, signal: callOff() }),
  )
  tell(launched, options.json)
}

/** Every peer that sleeps; what was stopped stays so. */
export const startAll = (options: StartOptions): Promise<void> =>
  forAll(
    ({ state }) => state === 'asleep',
    (name) => start(name, options),
  )

/** Afresh: whatever runs of it is taken down, in silence. */
export async function renew(peer: string, options: StartOptions): Promise<void> {
  const name = checkedName(peer)
  const request = { timeoutMs: parseTimeout(options.timeout), runtime: options.runtime }
  const root = iapeerRoot()
  const done = await askDaemon((daemon) => daemon.renew(name, request))
  if (done !== undefined) return tell(done, options.json)
  await peerNamed(root, name)
  const launched = await launchBesideDaemon(options.daemon, () =>
    renewNamed(root, name, { by: 'iapeer new', onLogFailure, ...request }),
  )
  tell(launched, options.json)
}

/** The peer of the current folder, afresh, as one of its runtimes. */
export async function startHere(runtime: string, options: Omit<StartOptions, 'runtime'>): Promise<void> {
  await renew((await peerHere()).personality, { ...options, runtime })
}
