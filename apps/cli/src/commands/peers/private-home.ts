import { stat } from 'node:fs/promises'
import { IapeerError } from '@iapeer/core/errors'

const ANYONE_WRITES = 0o002

/**
 * Checks that not every user can write to a directory that is to be the home of a peer: they could replace its profile, which
 * names the program to run.
 * @throws IapeerError `unusable-home`
 */
export async function assertPrivateHome(home: string): Promise<void> {
  if (((await stat(home)).mode & ANYONE_WRITES) === 0) return
  throw new IapeerError(`every user can write to ${home}, so it cannot be the home of a peer`, {
    code: 'unusable-home',
    hint: `Use a directory of your own: iapeer create NAME --cwd ${home} runs a peer there with a home elsewhere.`,
  })
}
