import { readdir } from 'node:fs/promises'
import { recordPaths } from '@iapeer/canary'
import { waitUntil } from '@iapeer/core/async'
import { removePrivateDirectory } from '../private-directory.ts'
import type { ServerSite } from '../servers/site.ts'

/** How long recorders and clients may take to exit after the last death. */
const EXIT_MS = 10_000
/** What recorders make while they write a record. */
const TEMPORARY = /\.(?:part|pipe|out|early)$|takeover/

async function leftFiles({ location }: ServerSite): Promise<string[]> {
  const { canaryDir, deathsDir } = recordPaths(location)
  const [states, deaths] = await Promise.all([readdir(canaryDir), readdir(deathsDir)])
  return [...states, ...deaths.filter((name) => TEMPORARY.test(name))]
}

/**
 * Waits until every process has exited, and kills what is left.
 * @returns what is left, in words: nothing if all is well
 */
export async function endServerSite(site: ServerSite, limitMs = EXIT_MS): Promise<string[]> {
  const areGone = async () => (await site.processes.running()).length === 0
  await waitUntil(areGone, { limitMs, everyMs: 100 })
  site.records.close()
  const processes = await site.processes.end()
  return [
    ...processes.map(({ pid }) => `process ${pid} was still running`),
    ...(await leftFiles(site)).map((name) => `file ${name}`),
  ]
}

/** Removes the directory of a site. @returns what is left, in words */
export const removeServerSite = async ({ directory }: ServerSite): Promise<string[]> =>
  (await removePrivateDirectory(directory)) ? [] : [`${directory} could not be removed`]
