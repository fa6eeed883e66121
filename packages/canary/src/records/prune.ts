import { lstatSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import type { RecordLayout } from '@iapeer/core/paths'
import { namesIn, readCanaryRecords } from './state-file.ts'

/** The number of deaths that keep their claim, witness, snapshot, samples, verdict and conversation. */
const KEPT_DEATHS = 500
const RECORD_NAME =
  /^(.+-[0-9a-f]{16})\.(?:claim|txt|early|witness|addendum|context|conversation|usage|verdict|claim\.takeover\d+|txt\.\d+\.part)$/

function modifiedMs(path: string): number {
  try {
    return lstatSync(path).mtimeMs
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 0
    throw error
  }
}

/** What is added to a death when it is looked at, which can be much later, also by a process that does not know that it was pruned. */
const LATER = /\.(?:addendum|verdict|conversation)$/

/** Removes the files of all but the newest 500 deaths. Keeps those of a generation that is not settled yet. */
export async function pruneDeaths(layout: RecordLayout): Promise<void> {
  const files = new Map<string, string[]>()
  for (const name of namesIn(layout.deathsDir)) {
    const [, generation] = RECORD_NAME.exec(name) ?? []
    if (generation === undefined) continue
    const known = files.get(generation)
    if (known === undefined) files.set(generation, [name])
    else known.push(name)
  }
  if (files.size <= KEPT_DEATHS) return
  const open = new Set(readCanaryRecords(layout).records.map(({ identity, gen }) => `${identity}-${gen}`))
  const ages = [...files].map(([generation, names]) => {
    const dated = names.filter((name) => !LATER.test(name))
    const newest = Math.max(0, ...dated.map((name) => modifiedMs(join(layout.deathsDir, name))))
    return { generation, names, newest }
  })
  ages.sort((a, b) => b.newest - a.newest)
  for (const { generation, names } of ages.slice(KEPT_DEATHS)) {
    if (open.has(generation)) continue
    for (const name of names) await rm(join(layout.deathsDir, name), { force: true })
  }
}
