import { readdir } from 'node:fs/promises'
import { recordPaths } from '@iapeer/canary'
import type { ServerSite } from '../servers/site.ts'

/** What recorders make while they write a record. */
const TEMPORARY = /\.(?:part|pipe|out|early)$|takeover/

/** Returns the files that recorders should have removed, in words. */
export async function leftFiles({ location }: ServerSite): Promise<string[]> {
  const { canaryDir, deathsDir } = recordPaths(location)
  const [states, deaths] = await Promise.all([readdir(canaryDir), readdir(deathsDir)])
  return [...states, ...deaths.filter((name) => TEMPORARY.test(name))].map((name) => `file ${name} is left`)
}
