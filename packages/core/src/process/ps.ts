import { IapeerError } from '../errors/index.ts'

const TIME_LIMIT_MS = 5_000

/**
 * Runs the one `ps` that systems without /proc need. Exit code 1 means that no such process exists.
 * @throws IapeerError `ps-failed`
 */
export async function ps(...args: readonly string[]): Promise<string> {
  // Loaded here: on Linux nothing is ever started, and importing it costs every program that looks at a process.
  const { execFile } = await import('node:child_process')
  const env = { PATH: '/bin:/usr/bin', LC_ALL: 'C', TZ: 'UTC' }
  return new Promise((resolve, reject) => {
    execFile('ps', args, { env, timeout: TIME_LIMIT_MS, maxBuffer: 1 << 24 }, (error, stdout) => {
      if (error === null || error.code === 1) resolve(stdout)
      else {
        const hint = 'See that ps runs.'
        reject(new IapeerError('ps did not answer', { code: 'ps-failed', hint, cause: error }))
      }
    })
  })
}
