import { preloadLifecycle } from '../launch/index.ts'
import { preloadSettle } from './settle-fleet.ts'

/**
 * Loads the modules and scripts that the functions of this directory otherwise load on first use. For a command that runs for long,
 * while its package can be replaced or removed.
 * @throws IapeerError `scripts-missing`, `package-missing`
 */
export async function preloadFleet(): Promise<void> {
  await Promise.all([preloadLifecycle(), preloadSettle()])
}
