import { delimiter } from 'node:path'
import { IapeerError } from '@iapeer/core/errors'
import {
  type CallerEnvironment,
  lastingPath,
  missingDirectories,
  withCallerEnvironment,
} from '@iapeer/core/exec'
import { formatIdentity, type Identity, type IdentityParts } from '@iapeer/core/identity'
import type { LaunchEnv } from '@iapeer/core/storage'
import { environmentOf } from '../runtimes/index.ts'
import { changeTally, type RecordedEnvironment, readTally } from '../sessions/index.ts'

/** The environment of a launch, and where its PATH comes from. */
export interface LaunchEnvironment {
  readonly env: NodeJS.ProcessEnv
  /** Completes "in the PATH of ..." */
  readonly pathSource: string
}

/** Returns the directories of a recorded PATH that were removed since it was recorded. */
export async function removedDirectories({ variables, missing }: RecordedEnvironment): Promise<string[]> {
  const path = variables['PATH']
  if (path === undefined) return []
  return (await missingDirectories(path)).filter((directory) => !missing.includes(directory))
}

/** @throws IapeerError `path-directory-missing` */
async function assertDirectories(identity: Identity, recorded: RecordedEnvironment): Promise<void> {
  const removed = await removedDirectories(recorded)
  if (removed.length === 0) return
  const what = removed.length === 1 ? 'a directory that does not' : 'directories that do not'
  throw new IapeerError(
    `the PATH recorded for ${identity} at ${recorded.at} contains ${what} exist any more: ${removed.join(delimiter)}`,
    {
      code: 'path-directory-missing',
      hint: `Run iapeer stop ${identity}, then iapeer start ${identity} in a shell whose PATH is right: that PATH is recorded.`,
    },
  )
}

interface EnvironmentInput {
  readonly home: string
  readonly launchEnv: LaunchEnv
  readonly caller?: CallerEnvironment
  readonly env?: NodeJS.ProcessEnv
}

/**
 * Returns the environment of a peer: `env`, in it the PATH and locale of the caller, else the recorded ones; and over both
 * launch.env.
 * @throws IapeerError `path-directory-missing`
 */
export async function launchEnvironment(
  root: string,
  parts: IdentityParts,
  { home, launchEnv, caller, env = process.env }: EnvironmentInput,
): Promise<LaunchEnvironment> {
  const identity = formatIdentity(parts)
  const recorded = caller === undefined ? (await readTally(root, identity)).environment : undefined
  const isPathSet = launchEnv.env['PATH'] !== undefined
  if (recorded !== undefined && !isPathSet) await assertDirectories(identity, recorded)
  const variables = caller ?? recorded?.variables
  const base = variables === undefined ? env : withCallerEnvironment(env, variables)
  const source = (): string => {
    if (isPathSet) return `${home}/.iapeer/runtimes/${parts.runtime}/launch.env`
    if (variables?.['PATH'] === undefined) return `process ${process.pid}, which starts it`
    return recorded === undefined ? 'the caller' : `its last start, recorded at ${recorded.at}`
  }
  return { env: environmentOf(base, launchEnv, parts, home), pathSource: source() }
}

/** Records the PATH and locale of a caller for the restarts of an identity. The caller holds the lock of the identity. */
export async function recordEnvironment(
  root: string,
  identity: Identity,
  caller: CallerEnvironment | undefined,
): Promise<void> {
  if (caller === undefined) return
  const { PATH } = caller
  const variables = PATH === undefined ? caller : { ...caller, PATH: await lastingPath(PATH) }
  const missing = await missingDirectories(variables['PATH'] ?? '')
  const environment = { at: new Date().toISOString(), variables, missing }
  await changeTally(root, identity, (tally) => ({ ...tally, environment }))
}
