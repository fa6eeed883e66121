import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { type Identity, isIdentity } from '@iapeer/core/identity'

/** Returns the identity that a state file belongs to, by its name; undefined for a file of another kind. */
export function ownerOf(name: string, suffix: string): Identity | undefined {
  const identity = name.slice(0, -suffix.length)
  return name.endsWith(suffix) && isIdentity(identity) ? identity : undefined
}

/**
 * Ignores a file that cannot be read or is not a regular file, so that the others are still read; `iapeer doctor` reports it.
 */
export function ignoreUnreadable(error: unknown): undefined {
  if (errnoOf(error) === undefined && !isIapeerError(error)) throw error
}
