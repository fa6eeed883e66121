import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { type Identity, isIdentity } from '@iapeer/core/identity'

/** Whose file it is, by its name in a directory of state; undefined for a file of another kind. */
export function ownerOf(name: string, suffix: string): Identity | undefined {
  const identity = name.slice(0, -suffix.length)
  return name.endsWith(suffix) && isIdentity(identity) ? identity : undefined
}

/** One file that cannot be read, or is none at all, keeps no other from being looked at; doctor tells of it. */
export function ignoreUnreadable(error: unknown): undefined {
  if (errnoOf(error) === undefined && !isIapeerError(error)) throw error
}
