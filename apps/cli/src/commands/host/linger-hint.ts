import { print } from '../../output.ts'

/** Prints what keeps the service running after a logout, where nothing does yet. */
export function lingerHint(lingers: boolean | undefined, user: string): void {
  if (lingers === false)
    print(`  It ends at the last logout of ${user}, until: loginctl enable-linger ${user}`)
}
