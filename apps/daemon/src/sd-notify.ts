import type { Logger } from 'pino'

/** Runs a program to its end; `runProgram` of @iapeer/core/exec is one. */
export type RunProgram = (
  argv: readonly [string, ...string[]],
  options: { readonly timeoutMs: number; readonly env: NodeJS.ProcessEnv },
) => Promise<{ readonly exitCode: number | undefined }>

type NotifyState = keyof typeof TIMEOUT_MS

/** Tells the service manager that started us how we are (sd_notify(3)); harmless where there is none. */
export interface Notifier {
  notify(state: NotifyState): Promise<void>
  /** How often the watchdog is to hear of us; undefined where there is none. */
  readonly watchdogMs: number | undefined
}

export interface NotifyOptions {
  /** NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID. */
  readonly env: NodeJS.ProcessEnv
  /** Node has no unix datagrams: the program `systemd-notify` sends them. */
  readonly run: RunProgram
  readonly log: Logger
}

/** What is not told READY ends us after a time: on a busy system that may take long. */
const TIMEOUT_MS = { 'READY=1': 20_000, 'WATCHDOG=1': 10_000, 'STOPPING=1': 2_000 } as const

export function createNotifier({ env, run, log }: NotifyOptions): Notifier {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: usec, WATCHDOG_PID: pid, PATH } = env
  if (socket === undefined || socket === '') return { notify: async () => {}, watchdogMs: undefined }
  const meant = pid === undefined || pid === String(process.pid)
  const everyMs = meant && /^[1-9]\d{3,12}$/.test(usec ?? '') ? Number(usec) / 2_000 : undefined
  let told = false
  const fail = (why: string): void => {
    if (!told) log.warn(`the service manager is not told how this is: ${why}`)
    told = true
  }
  const notify = async (state: NotifyState): Promise<void> => {
    try {
      const { exitCode } = await run(['systemd-notify', state], {
        timeoutMs: TIMEOUT_MS[state],
        env: { NOTIFY_SOCKET: socket, PATH },
      })
      if (exitCode !== 0) fail(`systemd-notify ended with ${exitCode ?? 'a signal'}`)
    } catch (error) {
      fail(error instanceof Error ? error.message : String(error))
    }
  }
  return { notify, watchdogMs: everyMs }
}
