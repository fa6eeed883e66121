import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { print } from '../../output.ts'

/** Prints how to keep the service running after a logout, if it would be stopped. */
export function lingerHint(lingers: boolean | undefined, user: string): void {
  if (lingers !== false) return
  print(`  The last logout of ${user} stops the daemon. To keep it running: loginctl enable-linger ${user}`)
}

/** Where systemd-logind notes the users whose services keep running after a logout (loginctl(1)). */
const LINGERING = '/var/lib/systemd/linger'

/**
 * Returns what a logout can do to a peer: where the user's service manager started it, it stops with that manager. Undefined where
 * there is none, or where it keeps running. Starts no process.
 */
export function logoutText(env: NodeJS.ProcessEnv = process.env, lingering = LINGERING): string | undefined {
  const { XDG_RUNTIME_DIR: runtime, USER: user } = env
  if (process.platform !== 'linux' || runtime === undefined || !user) return undefined
  if (!existsSync(join(runtime, 'systemd', 'private'))) return undefined
  if (existsSync(join(lingering, user))) return undefined
  return `The last logout of ${user} can stop it; loginctl enable-linger ${user} prevents that.`
}
