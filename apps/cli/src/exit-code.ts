import { errnoOf, IapeerError, isIapeerError, systemHint } from '@iapeer/core/errors'
import { EXIT, exitCodeOf as exitCodeOfCode } from '@iapeer/core/errors/catalogue'
import { foreignPlaceError } from '@iapeer/core/storage'

export { EXIT }

/** Returns the error of a wrong command line: exit code 2. */
export function usageError(message: string, hint: string): IapeerError {
  return new IapeerError(message, { code: 'usage', hint })
}

/** Returns the exit code of a command that fails with this error. */
export function exitCodeOf(error: unknown): number {
  return isIapeerError(error) ? exitCodeOfCode(error.code) : EXIT.failed
}

/** Returns the error for a path in the home or the root that this user cannot reach because another user owns it, or a directory above it. */
function foreignRoot(error: unknown): IapeerError | undefined {
  if (errnoOf(error) !== 'EACCES' || !(error instanceof Error && 'path' in error)) return undefined
  const { HOME, IAPEER_ROOT } = process.env
  const path = String(error.path)
  const isIn = (directory: string | undefined): boolean =>
    Boolean(directory) && path.startsWith(`${directory}/`)
  return isIn(HOME) || isIn(IAPEER_ROOT) ? foreignPlaceError(path) : undefined
}

/**
 * Returns the text that is printed for an error: what is wrong, and what to do.
 * @param peer the peer that it concerns, where the command handles several
 */
export function explain(error: unknown, peer?: string): string {
  const subject = peer === undefined ? 'iapeer' : `iapeer: ${peer}`
  if (isIapeerError(error))
    return `${subject}: ${error.message}\n${error.hint === undefined ? '' : `  ${error.hint}\n`}`
  const foreign = foreignRoot(error)
  if (foreign !== undefined) return explain(foreign, peer)
  const hint = systemHint(error)
  const message = error instanceof Error ? error.message : String(error)
  return `${subject}: ${message}\n${hint === undefined ? '' : `  ${hint}\n`}`
}
