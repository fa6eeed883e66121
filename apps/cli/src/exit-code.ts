import { errnoOf, IapeerError, isIapeerError } from '@iapeer/core/errors'
import { EXIT, exitCodeOf as exitCodeOfCode } from '@iapeer/core/errors/catalogue'
import { CommanderError } from 'commander'

export { EXIT }

/** The command line was off: exit code 2. */
export function usageError(message: string, hint: string): IapeerError {
  return new IapeerError(message, { code: 'usage', hint })
}

/** Returns the exit code of a command that fails with this error. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
  return isIapeerError(error) ? exitCodeOfCode(error.code) : EXIT.failed
}

/** What can be done about an error of the system. */
const SYSTEM_HINTS: Readonly<Record<string, string>> = {
  EACCES: 'See whose that is, and its mode (ls -ld).',
  EPERM: 'See whose that is, and its mode (ls -ld).',
  ENOSPC: 'Make room on that disk.',
  EDQUOT: 'Make room in your quota.',
  EROFS: 'That disk is read-only: mount it writable, or use another directory.',
  ENOTDIR: 'A file is where a directory must be: move it away, or use another path.',
  ENAMETOOLONG: 'Use a shorter path.',
  EMFILE: 'Allow more open files (ulimit -n).',
  ENOENT: 'See whether that directory is still there.',
}

/** What a person reads of an error: what is wrong, and what to do. */
export function explain(error: unknown): string {
  if (isIapeerError(error))
    return `iapeer: ${error.message}\n${error.hint === undefined ? '' : `  ${error.hint}\n`}`
  const hint = SYSTEM_HINTS[errnoOf(error) ?? '']
  const said = error instanceof Error ? error.message : String(error)
  return `iapeer: ${said}\n${hint === undefined ? '' : `  ${hint}\n`}`
}
