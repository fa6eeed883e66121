import { preloadCanary } from '@iapeer/canary'
import { loadExeca } from '@iapeer/core/exec'
import { loadScripts } from '@iapeer/core/locate'

/**
 * Loads the modules and scripts that this package and the canary otherwise load on first use. For a process that keeps running
 * while its packages are replaced or removed.
 * @throws IapeerError `scripts-missing`, `package-missing`
 */
export async function preloadTmux(): Promise<void> {
  await Promise.all([loadExeca(), loadScripts('tmux', import.meta.url), preloadCanary()])
}
