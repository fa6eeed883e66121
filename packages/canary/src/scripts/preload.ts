import { loadScripts } from '@iapeer/core/locate'

/**
 * Loads what this package otherwise loads when it is first needed, its shell scripts included: for a process that goes on
 * while the package is replaced or removed.
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
