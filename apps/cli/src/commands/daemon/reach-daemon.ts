import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { locateDaemon } from '@iapeer/core/locate'
import { iapeerRoot } from '@iapeer/core/paths'
import { readSwitch, SETTINGS } from '@iapeer/core/settings'
import {
  answeringDaemon,
  awaitServiceDaemon,
  daemonStatus,
  type StartedDaemon,
  startDaemon,
  startService,
  thisServiceSystem,
} from '@iapeer/host'
import { connectDaemon, type DaemonClient, DaemonUnreachable } from '@iapeer/protocol'

/**
 * Asks the daemon to do something. Resolves with undefined when no daemon runs, or one hangs and has done nothing: the caller then
 * does the same by the library, under the same locks.
 * @throws IapeerError the error that the daemon reports; `daemon-unreachable` when it may have done it
 */
export async function askDaemon<T extends object>(
  ask: (daemon: DaemonClient) => Promise<T>,
): Promise<T | undefined> {
  try {
    const daemon = await connectDaemon(iapeerRoot())
    return daemon === undefined ? undefined : await ask(daemon)
  } catch (error) {
    if (error instanceof DaemonUnreachable && !error.delivered) return undefined
    throw error
  }
}

/**
 * Starts the daemon of the root, as its service where one is installed, and waits until it answers; harmless when it runs.
 * @throws IapeerError `daemon-not-up`, `daemon-missing`, `service-manager-failed`; what the daemon itself says
 */
export async function startDaemonNow(): Promise<StartedDaemon> {
  const root = iapeerRoot()
  const running = await answeringDaemon(root)
  if (running !== undefined) return { state: 'already', ...running }
  // A daemon beside the one of the service would keep the service from its root.
  if (await startService(root, thisServiceSystem()))
    return { state: 'started', ...(await awaitServiceDaemon(root)) }
  return startDaemon(root, { argv: [process.execPath, locateDaemon(import.meta.url)] })
}

const NOT_COVERED =
  'without the daemon nothing restarts peers or notifies you, and a death that tmux misses is recorded by the next iapeer command only'

async function startBeside(): Promise<string | undefined> {
  try {
    const now = await daemonStatus(iapeerRoot())
    if (now.state === 'unresponsive')
      return `the daemon (pid ${now.pid}) does not answer; iapeer daemon stop ends it\n  ${NOT_COVERED}`
    const { state, health } = await startDaemonNow()
    if (state === 'already') return undefined
    return `the daemon is started too (pid ${health.pid}); iapeer daemon stop stops it, --no-daemon starts peers without it`
  } catch (error) {
    if (!(error instanceof Error) || (!isIapeerError(error) && errnoOf(error) === undefined)) throw error
    return `the daemon was not started: ${error.message}\n  ${NOT_COVERED}; iapeer daemon start tries again`
  }
}

let beside: Promise<void> | undefined

/**
 * Launches a peer where no daemon runs, and meanwhile starts the daemon, once, unless `--no-daemon` or the environment
 * keeps it away. What comes of that is one line on standard error: a daemon that does not start fails no launch.
 * @param wanted false for `--no-daemon`
 * @throws IapeerError `bad-setting`; whatever `launch` throws
 */
export async function launchBesideDaemon<T>(
  wanted: boolean | undefined,
  launch: () => Promise<T>,
): Promise<T> {
  const isWanted = wanted !== false && readSwitch(process.env, SETTINGS.autostart)
  const print = (line: string | undefined): void => {
    if (line !== undefined) process.stderr.write(`iapeer: ${line}\n`)
  }
  beside ??= isWanted
    ? startBeside().then(print)
    : Promise.resolve(print(`${NOT_COVERED} (iapeer daemon start)`))
  // It is thrown when the launch is over.
  beside.catch(() => undefined)
  try {
    return await launch()
  } finally {
    await beside
  }
}
