/** What is for this process alone: a peer that is launched must not get it. */
const OWN =
  /^(?:IAPEER_PORT|IAPEER_BEARER_TOKEN|NOTIFY_SOCKET|WATCHDOG_USEC|WATCHDOG_PID|LISTEN_PID|LISTEN_FDS|LISTEN_FDNAMES|INVOCATION_ID|JOURNAL_STREAM|MAINPID|MANAGERPID|SYSTEMD_EXEC_PID)$/

/** Takes what is this process's own out of its environment. */
export function stripDaemonEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own: NodeJS.ProcessEnv = { ...env }
  for (const name of Object.keys(env)) if (OWN.test(name)) delete env[name]
  return own
}
