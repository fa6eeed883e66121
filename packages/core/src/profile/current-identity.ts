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

/** Who this process is, and what said so. */
export interface CurrentIdentity {
  readonly identity: Identity
  readonly source: 'PEER_IDENTITY' | 'profile'
  /** The home whose profile said it; undefined when the environment did. */
  readonly home?: string
}

function badVariable(name: string, value: string): IapeerError {
  return new IapeerError(`${name} is ${JSON.stringify(value)}, which it cannot be`, {
    code: 'invalid-identity',
    hint: `Unset ${name}, or set it to what the peer is (PEER_IDENTITY=claude-bob, PEER_RUNTIME=claude).`,
  })
}

/** The runtime that this process says it runs in: `PEER_RUNTIME`, else what the agents' own programs set. */
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
 * The identity of the current process: `PEER_IDENTITY`; else the profile of `PEER_HOME`, or of the nearest directory from
 * `cwd` upwards that has one, as the runtime that `PEER_RUNTIME`, then `CODEX_THREAD_ID` or `CLAUDECODE=1` tell, then as
 * its default runtime.
 * @returns undefined where nothing says who this is
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
