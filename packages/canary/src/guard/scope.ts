import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { scopeUnit } from '@iapeer/core/cgroup'
import { IapeerError } from '@iapeer/core/errors'
import { runTool } from '../process/spawn.ts'

/** How a recorder is started: in a systemd scope of its own, or plain. */
export interface Scope {
  /** The name of the scope; undefined for a plain start. */
  readonly unit: string | undefined
  /** The words before the recorder's command. */
  readonly prefix: readonly string[]
  /** Why it is a plain start. */
  readonly why: string | undefined
}

/** A service manager that does not answer within this time is not waited for: no peer may depend on it. */
export const SCOPE_LIMIT_MS = 2_000

/** Returns a plain start, with the reason. */
export const plainStart = (why: string): Scope => ({ unit: undefined, prefix: [], why })

const RUN = 'systemd-run'
/** The first arguments of every call (systemd-run(1)). `--collect`: a scope that failed is not kept. */
const COMMON = ['--user', '--scope', '--collect'] as const

/** systemd does not stop the scope when the kernel kills a process in it. Earlier versions neither stop a scope nor know this. */
const OOM_POLICY = ['-p', 'OOMPolicy=continue'] as const

/**
 * Returns the other properties of a scope, as arguments. `Delegate`: iapeer makes cgroups in it. A weight is that of the whole scope,
 * because it counts against other units.
 */
const propertiesOf = (cpuWeight?: number): string[] => [
  ...['-p', 'Delegate=memory pids'],
  ...(cpuWeight === undefined ? [] : ['-p', `CPUWeight=${cpuWeight}`]),
]

/** Returns why no user manager can be asked; undefined if one may answer. Its private socket is where systemd-run asks it. */
function whyNoManager(env: NodeJS.ProcessEnv): string | undefined {
  const runtime = env['XDG_RUNTIME_DIR']
  if (process.platform !== 'linux') return 'this system has no systemd'
  if (runtime === undefined || runtime === '')
    return 'no systemd user manager answers: XDG_RUNTIME_DIR is not set'
  if (existsSync(join(runtime, 'systemd', 'private'))) return undefined
  return 'no systemd user manager runs for this user'
}

/** `refused`: another scope may be made. `absent`: systemd does not answer at all. */
type Tried = { readonly kind: 'made' } | { readonly kind: 'refused' | 'absent'; readonly why: string }

/** Tries whether a scope with these properties can be made. */
async function tryScope(env: NodeJS.ProcessEnv, properties: readonly string[]): Promise<Tried> {
  try {
    const tried = await runTool(RUN, [...COMMON, ...properties, '--', 'true'], {
      env,
      limitMs: SCOPE_LIMIT_MS,
    })
    if (tried.exitCode === 0) return { kind: 'made' }
    if (tried.timedOut)
      return {
        kind: 'absent',
        why: `the systemd user manager did not answer within ${SCOPE_LIMIT_MS / 1_000} s`,
      }
    const message = tried.stderr.trim().split('\n')[0] || `exit code ${tried.exitCode}`
    return { kind: 'refused', why: `systemd-run failed: ${message}` }
  } catch (error) {
    if (error instanceof IapeerError && error.code === 'cannot-run')
      return { kind: 'absent', why: 'systemd-run is not installed' }
    throw error
  }
}

/** Returns the properties with which a scope can be made, or why none can. */
async function findProperties(
  env: NodeJS.ProcessEnv,
  cpuWeight?: number,
): Promise<{ readonly properties: readonly string[] } | { readonly why: string }> {
  const missing = whyNoManager(env)
  if (missing !== undefined) return { why: missing }
  const properties = propertiesOf(cpuWeight)
  const all = [...OOM_POLICY, ...properties]
  const tried = await tryScope(env, all)
  if (tried.kind === 'made') return { properties: all }
  const again = tried.kind === 'absent' ? tried : await tryScope(env, properties)
  return again.kind === 'made' ? { properties } : { why: tried.why }
}

/** Returns why systemd gives servers no scope of their own; undefined if it does. */
export async function scopeProblem(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const found = await findProperties(env)
  return 'why' in found ? found.why : undefined
}

/**
 * Returns how to start a recorder with its server: in a systemd scope of their own, so that an oomd kill, a unit stop or a logout does
 * not kill them with the cgroup of this process, and with a cgroup for the leader in it. The server stays the recorder's child.
 * @param made `lib` is the directory of the installed scripts
 */
export async function findScope(
  env: NodeJS.ProcessEnv,
  made: {
    readonly identity: string
    readonly gen: string
    readonly lib: string
    readonly cpuWeight: number | undefined
  },
): Promise<Scope> {
  const { identity, gen, lib, cpuWeight } = made
  const found = await findProperties(env, cpuWeight)
  if ('why' in found) return plainStart(found.why)
  const { properties } = found
  const unit = scopeUnit(identity, gen)
  // A name that a person recognises in systemd-cgls and oomctl.
  const named = [`--unit=${unit}`, `--description=iapeer: ${identity}`]
  const leaves = ['/bin/sh', join(lib, 'leaves.sh'), unit]
  return {
    unit,
    prefix: [RUN, ...COMMON, ...properties, ...named, '--quiet', '--', ...leaves],
    why: undefined,
  }
}
