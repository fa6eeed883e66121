import { readdir, rm, stat, utimes } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { loadScripts } from '@iapeer/core/locate'
import type { RecordLayout } from '@iapeer/core/paths'
import { makePrivateFolder, replaceFile } from '@iapeer/core/storage'
import { readCanaryRecords, readIfThere } from './state-file.ts'

const COPY_NAME = /^[0-9a-f]{16}$/
/** A copy younger than this may belong to a recorder that is just being started. */
const COPY_REST_MS = 3_600_000

/** Makes the folders of a layout, 0700. Idempotent. */
export async function makeFolders(layout: RecordLayout): Promise<void> {
  for (const folder of [
    layout.recordDir,
    layout.deathsDir,
    layout.canaryDir,
    layout.intentDir,
    layout.libDir,
  ]) {
    await makePrivateFolder(folder)
  }
}

/**
 * Copies the scripts to `<libDir>/<hash of their content>/` and returns that folder: an upgrade or a removed
 * package never changes what a living recorder runs.
 */
export async function installAssets(layout: RecordLayout): Promise<string> {
  const scripts = await loadScripts('canary', import.meta.url)
  const { createHash } = await import('node:crypto')
  const hash = createHash('sha256')
    .update([...scripts.values()].join('\0'))
    .digest('hex')
    .slice(0, 16)
  const folder = join(layout.libDir, hash)
  await makePrivateFolder(folder)
  for (const [name, content] of scripts) {
    if (readIfThere(join(folder, name)) !== content) await replaceFile(join(folder, name), content)
  }
  const touched = new Date()
  await utimes(folder, touched, touched)
  return folder
}

/** Removes copies that no recorder runs from. */
export async function collectAssets(layout: RecordLayout): Promise<void> {
  const used = new Set(readCanaryRecords(layout).records.map((record) => basename(record.lib)))
  let names: string[]
  try {
    names = await readdir(layout.libDir)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return
    throw error
  }
  for (const name of names) {
    if (!COPY_NAME.test(name) || used.has(name)) continue
    const folder = join(layout.libDir, name)
    if (Date.now() - (await stat(folder)).mtimeMs > COPY_REST_MS)
      await rm(folder, { recursive: true, force: true })
  }
}
