import { loadScripts } from '@iapeer/core/locate'

/**
 * Loads everything that this package otherwise loads on first use, including its shell scripts. For a process that must go on
 * working while the package is replaced or removed.
 * @throws IapeerError `scripts-missing`, `package-missing`
 */
export async function preloadCanary(): Promise<void> {
  await Promise.all([
    import('../starting.ts'),
    import('../process/spawn.ts'),
    import('node:crypto'),
    loadScripts('canary', import.meta.url),
  ])
}
