import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { recordPaths } from '@iapeer/canary'
import { waitUntil } from '@iapeer/core/async'
import { makePrivateDirectory, removePrivateDirectory } from '../private-directory.ts'
import { OwnProcesses } from '../processes.ts'
import { RecordFollower } from '../records.ts'

/** A private directory for tmux servers with recorders, without a root and a daemon. */
export interface ServerSite {
  readonly directory: string
  /** Where the recorders keep their files. */
  readonly location: { readonly recordDir: string }
  readonly processes: OwnProcesses
  readonly records: RecordFollower
}

/** Makes the directory. @param prefix the beginning of its name */
export async function openServerSite(prefix: string): Promise<ServerSite> {
  const directory = await makePrivateDirectory(prefix)
  const location = { recordDir: join(directory, 'records') }
  const paths = recordPaths(location)
  for (const path of [paths.deathsDir, paths.canaryDir]) await mkdir(path, { recursive: true, mode: 0o700 })
  const records = new RecordFollower(paths)
  return { directory, location, processes: new OwnProcesses(), records }
}

/**
 * Kills what still runs.
 * @param limitMs how long it may take to exit by itself before that
 * @returns what was killed, in words: nothing if all had exited
 */
export async function endServerSite({ processes, records }: ServerSite, limitMs = 0): Promise<string[]> {
  const areGone = async () => (await processes.running()).length === 0
  await waitUntil(areGone, { limitMs, everyMs: 100 })
  records.close()
  return (await processes.end()).map(({ pid }) => `process ${pid} was still running`)
}

/** Removes the directory of a site. @returns what is left, in words */
export const removeServerSite = async ({ directory }: ServerSite): Promise<string[]> =>
  (await removePrivateDirectory(directory)) ? [] : [`${directory} could not be removed`]
