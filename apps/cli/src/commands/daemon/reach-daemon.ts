import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { locateDaemon } from '@iapeer/core/locate'
import { iapeerRoot } from '@iapeer/core/paths'
import { readSwitch, SETTINGS } from '@iapeer/core/settings'
import { daemonStatus, startDaemon, startService, thisServiceSystem } from '@iapeer/host'
import { connectDaemon, type DaemonClient } from '@iapeer/lifecycle/daemon-client'

/** The daemon, if one runs and answers. A hung one is in nobody's way: the library does the same, under the same locks. */
export async function runningDaemon(): Promise<DaemonClient | undefined> {
  try {
    return await connectDaemon(iapeerRoot())
  } catch (error) {
    if (isIapeerError(error) && error.code === 'daemon-unreachable') return undefined
    throw error
  }
}

/**
 * Starts the daemon of the root, as its service where one is installed, and waits until it answers; harmless when it runs.
 * @throws IapeerError `daemon-not-up`, `daemon-missing`, `service-manager-failed`; what the daemon itself says
 */
export async function bringUpDaemon(): ReturnType<typeof startDaemon> {
  const root = iapeerRoot()
  const running = await runningDaemon()
  if (running !== undefined) return { state: 'already', client: running }
  if (await startService(root, thisServiceSystem())) {
    const client = await connectDaemon(root)
    if (client !== undefined) return { state: 'started', client }
  }
  return startDaemon(root, { argv: [process.execPath, locateDaemon(import.meta.url)] })
}

const NOT_COVERED =
  'without the daemon nothing restarts peers or notifies you, and a death that tmux misses is recorded by the next iapeer command only'

async function startBeside(): Promise<string | undefined> {
  try {
    const now = await daemonStatus(iapeerRoot())
    if (now.state === 'unresponsive')
      return `the daemon (pid ${now.pid}) does not answer; iapeer daemon stop ends it\n  ${NOT_COVERED}`
    const { state, client } = await bringUpDaemon()
    if (state === 'already') return undefined
    return `the daemon is started too (pid ${client.health.pid}); iapeer daemon stop stops it, --no-daemon starts peers without it`
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
  const tell = (line: string | undefined): void => {
    if (line !== undefined) process.stderr.write(`iapeer: ${line}\n`)
  }
  beside ??= isWanted
    ? startBeside().then(tell)
    : Promise.resolve(tell(`${NOT_COVERED} (iapeer daemon start)`))
  // It is thrown when the launch is over.
  beside.catch(() => undefined)
  try {
    return await launch()
  } finally {
    await beside
  }
}
