import { IapeerError, isIapeerError, systemHint } from '@iapeer/core/errors'
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

/**
 * Returns the text that is printed for an error: what is wrong, and what to do.
 * @param peer the peer that it concerns, where the command handles several
 */
export function explain(error: unknown, peer?: string): string {
  const subject = peer === undefined ? 'iapeer' : `iapeer: ${peer}`
  if (isIapeerError(error))
    return `${subject}: ${error.message}\n${error.hint === undefined ? '' : `  ${error.hint}\n`}`
  const hint = systemHint(error)
  const message = error instanceof Error ? error.message : String(error)
  return `${subject}: ${message}\n${hint === undefined ? '' : `  ${hint}\n`}`
}
