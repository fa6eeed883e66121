import { readFile } from 'node:fs/promises'
import { errnoOf } from '@iapeer/core/errors'
import { iapeerRoot, rootRecordPlace } from '@iapeer/core/paths'
import { readLog } from '@iapeer/core/storage'
import {
  type ExitRecord,
  type Findings,
  type Killer,
  killerOf,
  parseExitsLog,
  parseSnapshot,
  parseWitness,
  type Witness,
} from '@iapeer/forensics'
import { finishSessions, rearmKept } from '@iapeer/lifecycle'
import { reconcile, recordPaths } from '@iapeer/tmux'

export const place = (): ReturnType<typeof rootRecordPlace> => rootRecordPlace(iapeerRoot())

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return ''
    throw error
  }
}

/** Every recorded death, in the order of recording. */
export async function readDeaths(): Promise<readonly ExitRecord[]> {
  return parseExitsLog(readLog(recordPaths(place()).exitsLog)).records
}

/** Beside `<identity>-<gen>.txt` lies `<identity>-<gen>.witness`, when somebody was seen. */
async function readWitness(record: ExitRecord): Promise<Witness | undefined> {
  if (record.cause !== 'killed-by-command' || record.forensics === undefined) return undefined
  return parseWitness(await textOf(record.forensics.replace(/\.txt$/, '.witness')))
}

/** Snapshot and witness of a death, as far as they can be read. */
export async function readFindings(record: ExitRecord): Promise<Findings> {
  const snapshot = record.forensics === undefined ? undefined : parseSnapshot(await textOf(record.forensics))
  return { snapshot, witness: await readWitness(record) }
}

/** A record with its killer, where one is known. */
export async function withKiller(record: ExitRecord): Promise<ExitRecord & { readonly killer?: Killer }> {
  const killer = killerOf(await readWitness(record))
  return killer === undefined ? record : { ...record, killer }
}

/** What every command that reports does first: deaths nobody saw are recorded, kept watches armed again. */
export async function bringUpToDate(): Promise<void> {
  await finishSessions(iapeerRoot())
  await reconcile(place())
  await rearmKept(iapeerRoot())
}
