import { preloadCanary } from '@iapeer/canary'
import { loadExeca } from '@iapeer/core/exec'
import { loadScripts } from '@iapeer/core/locate'

/**
 * Loads what this package and the canary otherwise load when it is first needed: for a process that goes on while its
 * packages are replaced or removed.
 * @throws IapeerError `scripts-missing`, `package-missing`
 */
export async function preloadTmux(): Promise<void> {
  await Promise.all([loadExeca(), loadScripts('tmux', import.meta.url), preloadCanary()])
}
