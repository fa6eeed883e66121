import type { Server } from 'node:http'
import { dirname } from 'node:path'
import { IapeerError, isIapeerError } from '@iapeer/core/errors'
import { daemonPaths, rootLayout } from '@iapeer/core/paths'
import {
  acquireDaemonLock,
  type Lock,
  makePrivateDirectory,
  readDaemonHolder,
  scaffoldRoot,
} from '@iapeer/core/storage'
import type { Logger } from 'pino'
import type { EventSource, Fleet, FleetHealth, Supervisor } from './fleet.ts'
import { createApp } from './http/app.ts'
import { tcpSettings } from './http/auth.ts'
import type { BoundRoute, BoundRoutes } from './http/route.ts'
import { eventRoutes } from './http/routes-events.ts'
import { actionRoutes, fleetRoutes } from './http/routes-fleet.ts'
import { messageRoutes } from './http/routes-messages.ts'
import { isStalled, systemRoutes } from './http/routes-system.ts'
import { createApiServer } from './http/server.ts'
import { SseClients, type SseLimits } from './http/sse.ts'
import { listenTcp, listenUnix } from './listen.ts'
import { createLocalFleet } from './local-fleet.ts'
import { createLocalMail } from './local-mail.ts'
import { openLogs } from './logs.ts'
import { McpEndpoint } from './mcp/mcp-endpoint.ts'
import { createMetrics } from './metrics.ts'
import { createNotifier, type Notifier, type RunProgram } from './sd-notify.ts'
import { VERSION } from './version.ts'
import { watchOwnership } from './watch-ownership.ts'

/** The time limit for running requests and jobs when the daemon stops. The whole stop takes at most 5 s. */
const STOP_MS = 4_000

export interface DaemonOptions {
  readonly root: string
  /** The environment with which this process was started: port, token, and the variables of the service manager. */
  readonly env: NodeJS.ProcessEnv
  /** Whether to also print the log as text on standard error. */
  readonly human: boolean
  readonly events: EventSource
  /** Creates the supervisor. It is started and stopped with the daemon. */
  readonly supervisor: (log: Logger) => Supervisor
  /** Further problems that the health of the daemon reports. @default none */
  readonly problems?: (() => FleetHealth['problems']) | undefined
  /** Runs the program that notifies the service manager. */
  readonly runProgram: RunProgram
  /** The limits of the event streams. */
  readonly sse?: SseLimits | undefined
}

/** A running daemon. */
export interface Daemon {
  readonly log: Logger
  readonly socketPath: string
  /** Undefined without TCP. */
  readonly port: number | undefined
  /** Resolves with the reason when the daemon does not own its root any more. The caller must then stop it. */
  readonly lost: Promise<string>
  /** Stops the daemon within 5 s. The peers keep running. It can be called more than once. */
  readonly stop: (why: string) => Promise<void>
}

/** Acquires the lock of the root. @throws IapeerError `daemon-running`, which names the process that holds it */
async function lockRoot(root: string): Promise<Lock> {
  const { lock } = daemonPaths(root)
  await makePrivateDirectory(dirname(lock))
  try {
    return await acquireDaemonLock(root)
  } catch (error) {
    if (!isIapeerError(error) || error.code !== 'lock-held') throw error
    const holder = await readDaemonHolder(root)
    if (holder === undefined) throw error
    throw new IapeerError(
      `a daemon of ${root} is already running: pid ${holder.pid}, since ${holder.since}`,
      {
        code: 'daemon-running',
        hint:
          holder.liveness === 'unknown'
            ? 'It is in another container or on another host. If it was killed there, try again in a minute, or see docs/containers.md.'
            : 'iapeer daemon status prints its state; iapeer daemon stop stops it.',
        cause: error,
      },
    )
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
    ...messageRoutes(fleet.mail),
    ...eventRoutes(fleet.events, clients),
    ...systemRoutes({ fleet, metrics, clients, startedAt }),
  }
  return { routes: Object.values(routes), clients }
}

/** The steps that stop the daemon. They run in parallel, each with its own time limit; a failure is logged and does not affect the others. */
class Cleanup {
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

/** Notifies the watchdog of the service manager only while the supervisor sweeps. */
function keepWatchdog(notifier: Notifier, supervisor: Supervisor, startedAt: Date): () => void {
  if (notifier.watchdogMs === undefined) return () => {}
  const timer = setInterval(() => {
    if (!isStalled(supervisor.stats().lastSweepAt, startedAt, Date.now())) void notifier.notify('WATCHDOG=1')
  }, notifier.watchdogMs)
  return () => clearInterval(timer)
}

/**
 * Runs the daemon of a root in this process. A root has at most one daemon at a time.
 * @throws IapeerError `daemon-running`, `bad-setting`, `port-taken`, `socket-path-too-long`, `socket-path-occupied`,
 *   the errors of `scaffoldRoot`; the Node system error
 */
export async function runDaemon(options: DaemonOptions): Promise<Daemon> {
  const { root, env } = options
  const startedAt = new Date()
  const tcp = tcpSettings(env)
  await scaffoldRoot(rootLayout(root))
  const lock = await lockRoot(root)
  const { log, close } = openLogs(daemonPaths(root).log, { human: options.human })
  const cleanup = new Cleanup()
  const shutDown = async (): Promise<void> => {
    await cleanup.run(log)
    await close()
    lock.release()
  }
  try {
    const supervisor = options.supervisor(log)
    const mail = createLocalMail(root)
    const mcp = new McpEndpoint({ root, env, mail, log })
    const fleet = createLocalFleet(root, {
      events: options.events,
      mail,
      supervisor,
      env,
      problems: () => [...(options.problems?.() ?? []), ...mcp.problems()],
    })
    const { routes, clients } = buildApi({ fleet, supervisor }, log, options, startedAt)
    const open = (token?: string): Server => {
      const { server, close } = createApiServer(createApp(routes, { log, token }))
      cleanup.add('closing a server', () => close(STOP_MS))
      return server
    }
    const notifier = createNotifier({ env, run: options.runProgram, log })
    let unix = open()
    const socketPath = await listenUnix(unix, root)
    const port = tcp === undefined ? undefined : await listenTcp(open(tcp.token), tcp.port)
    await mcp.start()
    cleanup.add('closing the MCP server', () => mcp.stop(STOP_MS))
    cleanup.add('closing the event streams', () => clients.close())
    await supervisor.start()
    cleanup.add('stopping the supervisor', () => within(STOP_MS, supervisor.stop()))
    const listen = async (): Promise<void> => {
      // close() deletes the socket, so it must come first. Its open connections continue.
      unix.close()
      unix = open()
      await listenUnix(unix, root)
    }
    const lost = new Promise<string>((resolve) => {
      const paths = { lock: daemonPaths(root).lock, socketPath, listen, onLost: resolve, log }
      cleanup.add('stopping the ownership checks', watchOwnership(paths))
    })
    cleanup.add('stopping the watchdog messages', keepWatchdog(notifier, supervisor, startedAt))
    await notifier.notify('READY=1')
    log.info(
      { version: VERSION, root, socketPath, ...(port === undefined ? {} : { port }) },
      'iapeerd started',
    )
    let stopping: Promise<void> | undefined
    const stop = (why: string): Promise<void> => {
      log.info({ why }, 'iapeerd stops; peers keep running')
      stopping ??= Promise.all([notifier.notify('STOPPING=1'), shutDown()]).then(() => {})
      return stopping
    }
    return { log, socketPath, port, lost, stop }
  } catch (error) {
    log.fatal({ err: error }, 'iapeerd cannot start')
    await shutDown()
    throw error
  }
}
