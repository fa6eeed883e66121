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

/** A server that is to be watched again whenever it runs and is not. */
export interface KeptWatch {
  readonly identity: string
  readonly socketPath: string
}

export interface Rearmed extends KeptWatch {
  readonly result: EnsureResult
}

const SUFFIX = '.json'
/** How many watches are armed at a time: each may take a client of tmux. */
const AT_ONCE = 8

/** One small file a watch: `<root>/state/lifecycle/watches/<identity>.json`. */
const directoryOf = (root: string): string => join(root, 'state', 'lifecycle', 'watches')
const fileOf = (root: string, identity: string): string =>
  join(directoryOf(root), `${toIdentity(identity)}${SUFFIX}`)

function parseKept(identity: string, json: string): KeptWatch | undefined {
  const socketPath = text(fieldsOf(parseJson(json))['socketPath'])
  return socketPath === undefined ? undefined : { identity, socketPath }
}

/** Remembers a watch; the same identity is replaced. */
export async function keepWatch(root: string, watch: KeptWatch): Promise<void> {
  await makePrivateDirectory(directoryOf(root))
  const { identity, socketPath } = watch
  await writeFileAtomic(
    fileOf(root, identity),
    `${JSON.stringify({ schemaVersion: 1, identity, socketPath })}\n`,
  )
}

/** Forgets a watch; false when none was kept under that identity. */
export async function forgetWatch(root: string, identity: string): Promise<boolean> {
  try {
    await rm(fileOf(root, identity))
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

/** The kept watches, by identity. A file that cannot be read as one is set aside as `<name>.corrupt`. */
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

/** Arms every kept watch whose server runs. One that does not run is a `failed` state of that watch alone. */
export async function rearmKept(root: string): Promise<Rearmed[]> {
  const kept = await listKeptWatches(root)
  return mapLimit(kept, AT_ONCE, async (watch) => ({
    ...watch,
    result: await ensureCanary({ ...watch, ...rootRecordLocation(root) }),
  }))
}
