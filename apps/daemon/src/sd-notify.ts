import type { Logger } from 'pino'

/** Runs a program and waits until it exits. `runProgram` of @iapeer/core/exec has this type. */
export type RunProgram = (
  argv: readonly [string, ...string[]],
  options: { readonly timeoutMs: number; readonly env: NodeJS.ProcessEnv },
) => Promise<{ readonly exitCode: number | undefined }>

type NotifyState = keyof typeof TIMEOUT_MS

/** Reports the state of this process to the service manager that started it (sd_notify(3)); does nothing without one. */
export interface Notifier {
  notify(state: NotifyState): Promise<void>
  /** The interval of the messages to the watchdog, in milliseconds; undefined without a watchdog. */
  readonly watchdogMs: number | undefined
}

export interface NotifyOptions {
  /** The variables NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID and PATH are used. */
  readonly env: NodeJS.ProcessEnv
  /** Runs `systemd-notify`, which sends the messages: Node.js cannot send unix datagrams. */
  readonly run: RunProgram
  readonly log: Logger
}

/** The time limits. READY=1 has a long one, for busy systems: without it systemd stops the daemon. */
const TIMEOUT_MS = { 'READY=1': 20_000, 'WATCHDOG=1': 10_000, 'STOPPING=1': 2_000 } as const

/** Creates the notifier for the service manager that `env` names. */
export function createNotifier({ env, run, log }: NotifyOptions): Notifier {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: usec, WATCHDOG_PID: pid, PATH } = env
  if (socket === undefined || socket === '') return { notify: async () => {}, watchdogMs: undefined }
  const isForUs = pid === undefined || pid === String(process.pid)
  const everyMs = isForUs && /^[1-9]\d{3,12}$/.test(usec ?? '') ? Number(usec) / 2_000 : undefined
  let logged = false
  const fail = (why: string): void => {
    if (!logged) log.warn(`the service manager cannot be notified: ${why}`)
    logged = true
  }
  const notify = async (state: NotifyState): Promise<void> => {
    try {
      const { exitCode } = await run(['systemd-notify', state], {
        timeoutMs: TIMEOUT_MS[state],
        env: { NOTIFY_SOCKET: socket, PATH },
      })
      if (exitCode !== 0)
        fail(
          exitCode === undefined
            ? 'systemd-notify was killed'
            : `systemd-notify exited with code ${exitCode}`,
        )
    } catch (error) {
      fail(error instanceof Error ? error.message : String(error))
    }
  }
  return { notify, watchdogMs: everyMs }
}
