import { readFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import type { RecordLayout } from '@iapeer/core/paths'
import { makePrivateDirectory } from '@iapeer/core/storage'
import { RecentMap } from '../recent-map.ts'
import { failuresDirOf } from '../records/state-file.ts'

/** The last failure of each identity, so that the same failure is logged once and not on every call. */
const failing = new RecentMap<string>()

/** The same for other processes: each command of a person is one. */
const pathOf = (layout: RecordLayout, identity: string): string => join(failuresDirOf(layout), identity)

/** Runs a step of a note and ignores system errors: without a note, a failure is logged once more. */
async function attempt(step: () => Promise<void>): Promise<void> {
  try {
    await step()
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
  }
}

/** Returns whether the last call for an identity failed with this code, in this or in another process, and notes it. */
export async function isKnownFailure(layout: RecordLayout, identity: string, code: string): Promise<boolean> {
  const path = pathOf(layout, identity)
  if (failing.get(path) === code) return true
  failing.set(path, code)
  let isKnown = false
  await attempt(async () => {
    isKnown = readNote(path) === code
    if (isKnown) return
    await makePrivateDirectory(failuresDirOf(layout))
    await writeFile(path, `${code}\n`, { mode: 0o600 })
  })
  return isKnown
}

function readNote(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Forgets the failures of an identity, because a call succeeded. */
export async function forgetFailure(layout: RecordLayout, identity: string): Promise<void> {
  const path = pathOf(layout, identity)
  failing.delete(path)
  await attempt(() => rm(path, { force: true }))
}
