import { IapeerError } from '../errors/index.ts'

const TIME_LIMIT_MS = 5_000

/**
 * Runs `ps`, on systems without /proc. It exits with 1 if no process matches, which is not an error.
 * @throws IapeerError `ps-failed`
 */
export async function ps(...args: readonly string[]): Promise<string> {
  // Loaded on use: Linux never needs it, and loading it would slow down every program that imports this module.
  const { execFile } = await import('node:child_process')
  const env = { PATH: '/bin:/usr/bin', LC_ALL: 'C', TZ: 'UTC' }
  return new Promise((resolve, reject) => {
    execFile('ps', args, { env, timeout: TIME_LIMIT_MS, maxBuffer: 1 << 24 }, (error, stdout) => {
      if (error === null || error.code === 1) resolve(stdout)
      else {
        const hint = 'Check that `ps` works in a terminal.'
        reject(new IapeerError('ps did not answer', { code: 'ps-failed', hint, cause: error }))
      }
    })
  })
}
