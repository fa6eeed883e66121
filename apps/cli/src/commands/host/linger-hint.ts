import { print } from '../../output.ts'

/** Prints how to keep the service running after a logout, if it would be stopped. */
export function lingerHint(lingers: boolean | undefined, user: string): void {
  if (lingers !== false) return
  print(`  The last logout of ${user} stops the daemon. To keep it running: loginctl enable-linger ${user}`)
}
