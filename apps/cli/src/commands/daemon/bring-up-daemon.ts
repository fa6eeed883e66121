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

/**
 * Starts the daemon of the root, through its service if one is installed, and waits until it answers. Does nothing if it is
 * running.
 * @throws IapeerError `daemon-not-up`, `daemon-missing`, `service-manager-failed`, and the error that the daemon reports
 */
export async function startDaemonNow(): Promise<StartedDaemon> {
  const root = iapeerRoot()
  const running = await answeringDaemon(root)
  if (running !== undefined) return { state: 'already', ...running }
  // A daemon outside the service would hold the root, and the service could not start.
  if (await startService(root, thisServiceSystem()))
    return { state: 'started', ...(await awaitServiceDaemon(root)) }
  return startDaemon(root, { argv: [process.execPath, locateDaemon(import.meta.url)] })
}

const NOT_COVERED =
  'without the daemon no peer is restarted, no notification is sent, and a death that tmux misses is recorded only by the next iapeer command'

/** What to print about a start of the daemon. */
interface Report {
  readonly line: string
  /** The code of the error, if it failed with one. */
  readonly code?: string
}

/** Starts the daemon. @returns undefined if it was running */
async function tryStartDaemon(): Promise<Report | undefined> {
  try {
    const now = await daemonStatus(iapeerRoot())
    if (now.state === 'unresponsive')
      return {
        line: `the daemon (pid ${now.pid}) does not answer; iapeer daemon stop stops it\n  ${NOT_COVERED}`,
      }
    const { state, health } = await startDaemonNow()
    if (state === 'already') return undefined
    return {
      line: `also started the daemon (pid ${health.pid}); iapeer daemon stop stops it, --no-daemon starts peers without it`,
    }
  } catch (error) {
    if (!(error instanceof Error) || (!isIapeerError(error) && errnoOf(error) === undefined)) throw error
    const line = `the daemon could not be started: ${error.message}\n  ${NOT_COVERED}; iapeer daemon start tries again`
    return isIapeerError(error) ? { line, code: error.code } : { line }
  }
}

let daemonStart: Promise<Report | undefined> | undefined
let isReported = false

/** Prints once what became of the start of the daemon. */
function reportDaemon(report: Report | undefined): void {
  if (report !== undefined && !isReported) process.stderr.write(`iapeer: ${report.line}\n`)
  isReported = true
}

/**
 * Launches a peer while no daemon is running, and starts the daemon meanwhile, once per process, unless `--no-daemon` or the
 * environment prevents it. Prints the result on standard error; if the daemon does not start, the launch goes on.
 * @param wanted false for `--no-daemon`
 * @throws IapeerError `bad-setting`, and the errors of `launch`
 */
export async function launchAndStartDaemon<T>(
  wanted: boolean | undefined,
  launch: () => Promise<T>,
): Promise<T> {
  const isWanted = wanted !== false && readSwitch(process.env, SETTINGS.autostart)
  daemonStart ??= isWanted
    ? tryStartDaemon()
    : Promise.resolve({ line: `${NOT_COVERED}; iapeer daemon start starts it` })
  // One that failed is reported when the launch is over. The `await` below throws an error; until then it must not count as unhandled.
  daemonStart.then(
    (report) => report?.code === undefined && reportDaemon(report),
    () => undefined,
  )
  try {
    const launched = await launch()
    reportDaemon(await daemonStart)
    return launched
  } catch (error) {
    const report = await daemonStart
    // What keeps the peer from starting keeps the daemon from it too: that is printed once.
    if (!isIapeerError(error) || report?.code !== error.code) reportDaemon(report)
    throw error
  }
}
