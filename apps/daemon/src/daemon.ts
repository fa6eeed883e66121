import type { Server } from 'node:http'
import { dirname } from 'node:path'
import { IapeerError, isIapeerError } from '@iapeer/core/errors'
import { daemonPaths, rootLayout } from '@iapeer/core/paths'
import {
  acquireLock,
  type Lock,
  makePrivateDirectory,
  readLockHolder,
  scaffoldRoot,
} from '@iapeer/core/storage'
import type { Logger } from 'pino'
import type { EventSource, Fleet, Supervisor } from './fleet.ts'
import { createApp } from './http/app.ts'
import { tcpSettings } from './http/auth.ts'
import type { BoundRoute, BoundRoutes } from './http/route.ts'
import { eventRoutes } from './http/routes-events.ts'
import { actionRoutes, fleetRoutes } from './http/routes-fleet.ts'
import { isStalled, systemRoutes } from './http/routes-system.ts'
import { createApiServer } from './http/server.ts'
import { SseClients, type SseLimits } from './http/sse.ts'
import { listenTcp, listenUnix } from './listen.ts'
import { createLocalFleet } from './local-fleet.ts'
import { openLogs } from './logs.ts'
import { createMetrics } from './metrics.ts'
import { createNotifier, type Notifier, type RunProgram } from './sd-notify.ts'
import { VERSION } from './version.ts'
import { watchOwnership } from './watch-ownership.ts'

/** How long what is under way may take at the end; the whole is over within 5 s. */
const STOP_MS = 4_000

export interface DaemonOptions {
  readonly root: string
  /** What this process was started with: port, token, and the service manager's. */
  readonly env: NodeJS.ProcessEnv
  /** Words for a person on standard error. */
  readonly human: boolean
  /** What follows the event log. */
  readonly events: EventSource
  /** What supervises; it is started and stopped with the daemon. */
  readonly supervisor: (log: Logger) => Supervisor
  /** What notifies the service manager. */
  readonly runProgram: RunProgram
  /** For the clients that follow the events. */
  readonly sse?: SseLimits | undefined
}

export interface Daemon {
  readonly log: Logger
  readonly socketPath: string
  /** Undefined without TCP. */
  readonly port: number | undefined
  /** Why it is not the daemon of its root any more: then it is to be ended. */
  readonly lost: Promise<string>
  /** Ends it, within 5 s; no peer is touched. Once is enough, twice is harmless. */
  readonly stop: (why: string) => Promise<void>
}

/** @throws IapeerError `daemon-running`, which says who holds the root */
async function lockRoot(root: string): Promise<Lock> {
  const { lock } = daemonPaths(root)
  await makePrivateDirectory(dirname(lock))
  try {
    return await acquireLock(lock, { limitMs: 0 })
  } catch (error) {
    if (!isIapeerError(error) || error.code !== 'lock-held') throw error
    const holder = await readLockHolder(lock)
    if (holder === undefined) throw error
    throw new IapeerError(`the daemon of ${root} runs already: pid ${holder.pid}, since ${holder.since}`, {
      code: 'daemon-running',
      hint: 'iapeer daemon status; iapeer daemon stop ends it.',
      cause: error,
    })
  }
}

interface Api {
  readonly routes: readonly BoundRoute[]
  readonly clients: SseClients
}

function buildApi(
  { fleet, supervisor }: { readonly fleet: Fleet; readonly supervisor: Supervisor },
  log: Logger,
  { sse }: DaemonOptions,
  startedAt: Date,
): Api {
  const clients = new SseClients(log, sse)
  const metrics = createMetrics({ fleet, log, clients, supervisor })
  const routes: BoundRoutes = {
    ...fleetRoutes(fleet),
    ...actionRoutes(fleet),
    ...eventRoutes(fleet.events, clients),
    ...systemRoutes({ fleet, metrics, clients, startedAt }),
  }
  return { routes: Object.values(routes), clients }
}

/** What is to be undone at the end, all at once and each within its own limit; what fails is logged, and keeps nothing else. */
class Undo {
  readonly #steps: { readonly what: string; readonly run: () => unknown }[] = []

  add(what: string, run: () => unknown): void {
    this.#steps.push({ what, run })
  }

  async run(log: Logger): Promise<void> {
    const one = async ({
      what,
      run,
    }: {
      readonly what: string
      readonly run: () => unknown
    }): Promise<void> => {
      try {
        await run()
      } catch (error) {
        log.error({ err: error }, `${what} failed`)
      }
    }
    await Promise.all(this.#steps.splice(0).map(one))
  }
}

function within(limitMs: number, work: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, limitMs)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

/** The service manager hears of us for as long as the sweeps go on. */
function keepWatchdog(notifier: Notifier, supervisor: Supervisor, startedAt: Date): () => void {
  if (notifier.watchdogMs === undefined) return () => {}
  const timer = setInterval(() => {
    if (!isStalled(supervisor.stats().lastSweepAt, startedAt, Date.now())) void notifier.notify('WATCHDOG=1')
  }, notifier.watchdogMs)
  return () => clearInterval(timer)
}

/**
 * Runs the daemon of a root in this process: one at a time.
 * @throws IapeerError `daemon-running`, `bad-setting`, `port-taken`, `socket-path-too-long`, `socket-path-occupied`,
 *   those of `scaffoldRoot`; the Node system error
 */
export async function runDaemon(options: DaemonOptions): Promise<Daemon> {
  const { root, env } = options
  const startedAt = new Date()
  const tcp = tcpSettings(env)
  await scaffoldRoot(rootLayout(root))
  const lock = await lockRoot(root)
  const { log, close } = openLogs(daemonPaths(root).log, { human: options.human })
  const undo = new Undo()
  const end = async (): Promise<void> => {
    await undo.run(log)
    await close()
    lock.release()
  }
  try {
    const supervisor = options.supervisor(log)
    const fleet = createLocalFleet(root, { events: options.events, supervisor })
    const { routes, clients } = buildApi({ fleet, supervisor }, log, options, startedAt)
    const open = (token?: string): Server => {
      const { server, close } = createApiServer(createApp(routes, { log, token }))
      undo.add('closing a server', () => close(STOP_MS))
      return server
    }
    const notifier = createNotifier({ env, run: options.runProgram, log })
    let unix = open()
    const socketPath = await listenUnix(unix, root)
    const port = tcp === undefined ? undefined : await listenTcp(open(tcp.token), tcp.port)
    undo.add('ending the event streams', () => clients.close())
    await supervisor.start()
    undo.add('stopping the supervisor', () => within(STOP_MS, supervisor.stop()))
    const listen = async (): Promise<void> => {
      // Its connections live on; the name goes with it, so this comes first.
      unix.close()
      unix = open()
      await listenUnix(unix, root)
    }
    const lost = new Promise<string>((resolve) => {
      const paths = { lock: daemonPaths(root).lock, socketPath, listen, onLost: resolve, log }
      undo.add('letting go of its place', watchOwnership(paths))
    })
    undo.add('ending the watchdog', keepWatchdog(notifier, supervisor, startedAt))
    await notifier.notify('READY=1')
    log.info({ version: VERSION, root, socketPath, ...(port === undefined ? {} : { port }) }, 'iapeerd is up')
    let stopping: Promise<void> | undefined
    const stop = (why: string): Promise<void> => {
      log.info({ why }, 'iapeerd ends; peers live on')
      stopping ??= Promise.all([notifier.notify('STOPPING=1'), end()]).then(() => {})
      return stopping
    }
    return { log, socketPath, port, lost, stop }
  } catch (error) {
    log.fatal({ err: error }, 'iapeerd cannot start')
    await end()
    throw error
  }
}
