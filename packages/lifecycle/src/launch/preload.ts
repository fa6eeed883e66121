import { loadScripts } from '@iapeer/core/locate'
import { preloadTmux } from '@iapeer/tmux'

/**
 * Loads what this package, the canary and `@iapeer/tmux` otherwise load when it is first needed: for a process that goes on
 * while its packages are replaced or removed.
 * @throws IapeerError `scripts-missing`, `package-missing`
 */
export async function preloadLifecycle(): Promise<void> {
  await Promise.all([import('node:http'), loadScripts('lifecycle', import.meta.url), preloadTmux()])
}
