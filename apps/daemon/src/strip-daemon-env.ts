import { stripMallocEnv } from '@iapeer/host'

/** The variables that are meant only for the daemon: its peers must not inherit them. */
const DAEMON_ONLY =
  /^(?:IAPEER_PORT|IAPEER_BEARER_TOKEN|NOTIFY_SOCKET|WATCHDOG_USEC|WATCHDOG_PID|LISTEN_PID|LISTEN_FDS|LISTEN_FDNAMES|INVOCATION_ID|JOURNAL_STREAM|MAINPID|MANAGERPID|SYSTEMD_EXEC_PID)$/

/** Removes the variables that are meant only for the daemon from `env`. @returns a copy of `env` as it was before */
export function stripDaemonEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const full: NodeJS.ProcessEnv = { ...env }
  for (const name of Object.keys(env)) if (DAEMON_ONLY.test(name)) delete env[name]
  stripMallocEnv(env)
  return full
}
