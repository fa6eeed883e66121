import { loadScripts } from '@iapeer/core/locate'
import { preloadTmux } from '@iapeer/tmux'
import { loadWebSockets } from '../conversations/codex/index.ts'

/**
 * Loads the modules and scripts that this package, the canary and `@iapeer/tmux` otherwise load on first use. For a process
 * that keeps running while its packages are replaced or removed.
 * @throws IapeerError `scripts-missing`, `package-missing`
 */
export async function preloadLifecycle(): Promise<void> {
  await Promise.all([
    import('node:http'),
    loadWebSockets(),
    loadScripts('lifecycle', import.meta.url),
    preloadTmux(),
  ])
}
