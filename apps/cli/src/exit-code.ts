import { errnoOf, IapeerError, isIapeerError } from '@iapeer/core/errors'
import { EXIT, exitCodeOf as exitCodeOfCode } from '@iapeer/core/errors/catalogue'

export { EXIT }

/** Returns the error of a wrong command line: exit code 2. */
export function usageError(message: string, hint: string): IapeerError {
  return new IapeerError(message, { code: 'usage', hint })
}

/** Returns the exit code of a command that fails with this error. */
export function exitCodeOf(error: unknown): number {
  return isIapeerError(error) ? exitCodeOfCode(error.code) : EXIT.failed
}

/** What to do about an error of the system, by its errno. */
const SYSTEM_HINTS: Readonly<Record<string, string>> = {
  EACCES: 'Check the owner and the mode of that path (ls -ld).',
  EPERM: 'Check the owner and the mode of that path (ls -ld).',
  ENOSPC: 'Free some space on that disk.',
  EDQUOT: 'Your disk quota is used up: free some space.',
  EROFS: 'That disk is mounted read-only: mount it writable, or use another directory.',
  ENOTDIR: 'A file is in the place of a directory: move it away, or use another path.',
  ENAMETOOLONG: 'Use a shorter path.',
  EMFILE: 'Raise the limit of open files (ulimit -n).',
  ENOENT: 'Check that this directory still exists.',
}

/**
 * Returns the text that is printed for an error: what is wrong, and what to do.
 * @param peer the peer that it concerns, where the command handles several
 */
export function explain(error: unknown, peer?: string): string {
  const subject = peer === undefined ? 'iapeer' : `iapeer: ${peer}`
  if (isIapeerError(error))
    return `${subject}: ${error.message}\n${error.hint === undefined ? '' : `  ${error.hint}\n`}`
  const hint = SYSTEM_HINTS[errnoOf(error) ?? '']
  const message = error instanceof Error ? error.message : String(error)
  return `${subject}: ${message}\n${hint === undefined ? '' : `  ${hint}\n`}`
}
