import { ensureCanary } from '../watch/ensure-canary.ts'
import type { GuardedServer, GuardedServerOptions } from './guarded-server.ts'

export type { GuardedServer, GuardedServerOptions } from './guarded-server.ts'

/**
 * Starts a tmux server as the child of a guard. The guard records the server's exit with its true wait status, and a witness
 * records who runs a command that kills it. Resolves when the socket answers. The server has no session yet and still keeps
 * running (`exit-empty` is off). A failed start removes everything that it made.
 * @throws IapeerError `tmux-missing`, `socket-taken`, `socket-path-occupied`, `socket-directory-unusable`,
 * `socket-path-too-long`, `config-error`, `cwd-missing`, `tmux-refused`, `start-timeout`, `guard-ended`, `guard-failed`,
 * `record-dir-unwritable`, `scripts-missing`, `invalid-options`, `invalid-identity`, `invalid-path`
 */
export async function startGuardedServer(options: GuardedServerOptions): Promise<GuardedServer> {
  const { startGuardedServer: start } = await import('../starting.ts')
  return start(options, ensureCanary)
}
