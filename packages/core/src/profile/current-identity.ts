import { realpath } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errnoOf, IapeerError } from '../errors/index.ts'
import {
  formatIdentity,
  type Identity,
  isRuntime,
  parseIdentity,
  type Runtime,
} from '../identity/identity.ts'
import { readProfile } from './profile-file.ts'

/** The identity of this process, and its source. */
export interface CurrentIdentity {
  readonly identity: Identity
  readonly source: 'PEER_IDENTITY' | 'profile'
  /** The home of the profile; undefined if the source is the environment. */
  readonly home?: string
}

function badVariable(name: string, value: string): IapeerError {
  const expected =
    name === 'PEER_RUNTIME' ? 'a runtime, for example claude' : 'an identity, for example claude-bob'
  return new IapeerError(`invalid ${name} ${JSON.stringify(value)}: expected ${expected}`, {
    code: 'invalid-identity',
    hint: 'Correct it, or unset it.',
  })
}

/** Returns the runtime of this process: `PEER_RUNTIME`, else the agent whose own variables are set. */
function runtimeOf(env: NodeJS.ProcessEnv): Runtime | undefined {
  const set = env['PEER_RUNTIME']
  if (set !== undefined && set !== '') {
    if (isRuntime(set)) return set
    throw badVariable('PEER_RUNTIME', set)
  }
  const marker = env['CODEX_THREAD_ID'] ? 'codex' : env['CLAUDECODE'] === '1' ? 'claude' : undefined
  return isRuntime(marker) ? marker : undefined
}

async function realDirectory(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return path
    throw error
  }
}

/**
 * Determines the identity of the current process: `PEER_IDENTITY`, else from the profile in `PEER_HOME`, or in the nearest
 * directory from `cwd` upwards that has one. The runtime then follows from `PEER_RUNTIME`, else from `CODEX_THREAD_ID` or
 * `CLAUDECODE=1`, else it is the default runtime of the profile.
 * @returns undefined if there is neither a variable nor a profile
 * @throws IapeerError `invalid-identity`, `corrupt-profile`, `invalid-profile`
 */
export async function currentIdentity(
  env: NodeJS.ProcessEnv,
  cwd: string,
): Promise<CurrentIdentity | undefined> {
  const named = env['PEER_IDENTITY']
  if (named !== undefined && named !== '') {
    const parts = parseIdentity(named)
    if (parts === undefined) throw badVariable('PEER_IDENTITY', named)
    return { identity: formatIdentity(parts), source: 'PEER_IDENTITY' }
  }
  const runtime = runtimeOf(env)
  let home = env['PEER_HOME'] || (await realDirectory(cwd))
  for (;;) {
    const profile = await readProfile(home)
    if (profile !== undefined) {
      const parts = { runtime: runtime ?? profile.defaultRuntime, personality: profile.personality }
      return { identity: formatIdentity(parts), source: 'profile', home }
    }
    if (dirname(home) === home || env['PEER_HOME']) return undefined
    home = dirname(home)
  }
}
