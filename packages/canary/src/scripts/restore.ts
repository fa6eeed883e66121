import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import type { RecordLayout } from '@iapeer/core/paths'
import { makePrivateDirectory } from '@iapeer/core/storage'
import { checkedLayout, type RecordOptions } from '../records/options.ts'
import { type CanaryRecord, readCanaryRecords } from '../records/state-file.ts'
import { installAssets, installedScripts } from './assets.ts'

/** The scripts that a witness or an exit hook reads after the recorder was armed; a recorder holds its own open. */
const READ_LATER = ['library.sh', 'witness.sh']

/** Returns whether the scripts of a recorder are missing. Recorders of format 1 have other files in their directory. */
function isMissing({ lib, format }: CanaryRecord): boolean {
  return format === 1 ? !existsSync(lib) : READ_LATER.some((name) => !existsSync(join(lib, name)))
}

/** Writes the missing scripts to the directory of a recorder of another version: the present ones, which read its files. */
async function fillDirectory(directory: string): Promise<void> {
  const { scripts } = await installedScripts()
  await makePrivateDirectory(directory)
  for (const [name, text] of scripts) {
    try {
      await writeFile(join(directory, name), text, { mode: 0o600, flag: 'wx' })
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error
    }
  }
}

/** @see restoreScripts */
export async function restoreScriptsOf(layout: RecordLayout): Promise<void> {
  const missing = readCanaryRecords(layout).records.filter(
    (record) => dirname(record.lib) === layout.libDir && isMissing(record),
  )
  if (missing.length === 0) return
  const installed = await installAssets(layout)
  for (const directory of new Set(missing.map(({ lib }) => lib)))
    if (basename(directory) !== basename(installed)) await fillDirectory(directory)
}

/**
 * Writes the scripts of running recorders again where they were removed, as by a cleaner of old files: exit hooks and witnesses
 * find them from then on.
 * @throws IapeerError `invalid-path`, `scripts-missing`; Node system errors when they cannot be written
 */
export const restoreScripts = (options: RecordOptions): Promise<void> =>
  restoreScriptsOf(checkedLayout(options))
