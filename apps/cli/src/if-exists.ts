import { errnoOf } from '@iapeer/core/errors'

/** Resolves with undefined if the file of an access does not exist. */
export async function ifExists<T>(access: Promise<T>): Promise<T | undefined> {
  try {
    return await access
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}
