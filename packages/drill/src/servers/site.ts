import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { recordPaths } from '@iapeer/canary'
import { makePrivateDirectory } from '../private-directory.ts'
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
