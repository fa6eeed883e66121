import { delimiter } from 'node:path'
import { isIapeerError } from '@iapeer/core/errors'
import { type Identity, parseIdentity, toIdentity } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import { removedDirectories } from '@iapeer/lifecycle/launch'
import { readLaunchEnv } from '@iapeer/lifecycle/runtimes'
import { type RecordedEnvironment, readTally } from '@iapeer/lifecycle/sessions'
import { timeText } from '../../times.ts'

/** The PATH and locale that a restart of a peer uses, and the directories of that PATH that were removed since. */
export interface ShownEnvironment extends RecordedEnvironment {
  readonly removed: readonly string[]
  /** The variables of launch.env that take precedence. */
  readonly overridden: readonly string[]
}

async function overriddenBy(home: string, identity: Identity, names: readonly string[]): Promise<string[]> {
  const parts = parseIdentity(identity)
  if (parts === undefined) return []
  try {
    const { env } = await readLaunchEnv(home, parts.runtime)
    return names.filter((name) => env[name] !== undefined)
  } catch (error) {
    // `start` reports a launch.env that cannot be read.
    if (!isIapeerError(error)) throw error
    return []
  }
}

/** Returns the recorded environment of a peer; undefined if none was recorded. */
export async function recordedEnvironment(peer: {
  readonly identity: string
  readonly home: string
}): Promise<ShownEnvironment | undefined> {
  const identity = toIdentity(peer.identity)
  const { environment } = await readTally(iapeerRoot(), identity)
  if (environment === undefined) return undefined
  const overridden = await overriddenBy(peer.home, identity, Object.keys(environment.variables))
  return { ...environment, removed: await removedDirectories(environment), overridden }
}

/** Returns the rows of `show` about the recorded environment: PATH, locale and the directories that were removed. */
export function environmentRows(
  environment: ShownEnvironment | undefined,
  options: { readonly utc: boolean },
): [label: string, value: string | undefined][] {
  if (environment === undefined) return []
  const { at, variables, removed, overridden } = environment
  const { PATH, ...locale } = variables
  const note = (names: readonly string[]): string => {
    const set = names.filter((name) => overridden.includes(name))
    return set.length === 0 ? '' : `; launch.env sets ${set.join(', ')}, which takes precedence`
  }
  const gone = overridden.includes('PATH') ? [] : removed
  const locales = Object.entries(locale).map(([name, value]) => `${name}=${value}`)
  return [
    ['PATH', PATH === undefined ? undefined : `${PATH} (recorded ${timeText(at, options)}${note(['PATH'])})`],
    ['removed', gone.length === 0 ? undefined : `${gone.join(delimiter)} (of this PATH): a restart fails`],
    ['locale', locales.length === 0 ? undefined : `${locales.join(' ')}${note(Object.keys(locale))}`],
  ]
}
