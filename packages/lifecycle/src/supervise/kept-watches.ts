import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type EnsureResult, ensureCanary } from '@iapeer/canary'
import { mapLimit } from '@iapeer/core/async'
import { errnoOf } from '@iapeer/core/errors'
import { toIdentity } from '@iapeer/core/identity'
import { fieldsOf, parseJson, text } from '@iapeer/core/json'
import { rootRecordLocation } from '@iapeer/core/paths'
import {
  makePrivateDirectory,
  namesIn,
  quarantine,
  readIfExists,
  writeFileAtomic,
} from '@iapeer/core/storage'
import { ownerOf } from '../sessions/index.ts'

/** A tmux server that is watched again whenever it runs without a watch. */
export interface KeptWatch {
  readonly identity: string
  readonly socketPath: string
}

/** A kept watch, and the result of arming it. */
export interface Rearmed extends KeptWatch {
  readonly result: EnsureResult
}

const SUFFIX = '.json'
/** How many watches are armed at a time. Each may start a tmux client. */
const CONCURRENCY = 8

/** Returns the directory with one file for each watch, `<identity>.json`. */
const directoryOf = (root: string): string => join(root, 'state', 'lifecycle', 'watches')
const fileOf = (root: string, identity: string): string =>
  join(directoryOf(root), `${toIdentity(identity)}${SUFFIX}`)

function parseKept(identity: string, json: string): KeptWatch | undefined {
  const socketPath = text(fieldsOf(parseJson(json))['socketPath'])
  return socketPath === undefined ? undefined : { identity, socketPath }
}

/** Stores a watch, and replaces the stored watch of the same identity. */
export async function keepWatch(root: string, watch: KeptWatch): Promise<void> {
  await makePrivateDirectory(directoryOf(root))
  const { identity, socketPath } = watch
  await writeFileAtomic(
    fileOf(root, identity),
    `${JSON.stringify({ schemaVersion: 1, identity, socketPath })}\n`,
  )
}

/** Removes a stored watch. Returns false if there is none for that identity. */
export async function forgetWatch(root: string, identity: string): Promise<boolean> {
  try {
    await rm(fileOf(root, identity))
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

/** Returns the kept watches in the order of their identities. Renames a malformed file to `<name>.corrupt`. */
export async function listKeptWatches(root: string): Promise<KeptWatch[]> {
  const kept: KeptWatch[] = []
  for (const name of (await namesIn(directoryOf(root))).sort()) {
    const identity = ownerOf(name, SUFFIX)
    if (identity === undefined) continue
    const path = join(directoryOf(root), name)
    const text = readIfExists(path)
    const watch = text === undefined ? undefined : parseKept(identity, text)
    if (watch !== undefined) kept.push(watch)
    else if (text !== undefined) quarantine(path, { text })
  }
  return kept
}

/** Arms every kept watch whose server runs. The result of a watch whose server does not run is `failed`. */
export async function rearmKept(root: string): Promise<Rearmed[]> {
  const kept = await listKeptWatches(root)
  return mapLimit(kept, CONCURRENCY, async (watch) => ({
    ...watch,
    result: await ensureCanary({ ...watch, ...rootRecordLocation(root) }),
  }))
}
