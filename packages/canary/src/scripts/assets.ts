import { existsSync, statSync } from 'node:fs'
import { mkdtemp, readdir, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { loadScripts } from '@iapeer/core/locate'
import type { RecordLayout } from '@iapeer/core/paths'
import { makePrivateDirectory, readIfExists, replaceFile } from '@iapeer/core/storage'
import { readCanaryRecords } from '../records/state-file.ts'

const COPY_NAME = /^[0-9a-f]{16}(?:\.\w{6})?$/
/** A younger copy may belong to a recorder that is starting. */
const COPY_REST_MS = 3_600_000

/** Creates the directories of a layout, 0700. Idempotent. */
export async function makeDirectories(layout: RecordLayout): Promise<void> {
  for (const directory of [
    layout.recordDir,
    layout.deathsDir,
    layout.canaryDir,
    layout.intentDir,
    layout.namesDir,
    layout.libDir,
  ]) {
    await makePrivateDirectory(directory)
  }
}

/** A line that sources a script of the same directory: `. "$IAPEER_LIB/clock.sh"`. */
const INCLUDE = /^ *\. "\$IAPEER_LIB\/([a-z-]+\.sh)"$/gm
/** The libraries that installed scripts source at run time. */
const SOURCED: ReadonlySet<string> = new Set(['library.sh', 'arming.sh', 'evidence-baseline.sh'])

export interface InstalledScripts {
  /** The text of each script by file name. */
  readonly scripts: ReadonlyMap<string, string>
  /** Hash of their content, 16 hex digits. */
  readonly hash: string
}

/** The composed scripts, by the set of sources that this process has loaded. */
const composed = new WeakMap<ReadonlyMap<string, string>, InstalledScripts>()

/**
 * Composes the scripts as they are installed: each contains what it sources, so that a recorder keeps one file open and few
 * files are written.
 */
export async function installedScripts(): Promise<InstalledScripts> {
  const texts = await loadScripts('canary', import.meta.url)
  const known = composed.get(texts)
  if (known !== undefined) return known
  const { createHash } = await import('node:crypto')
  const whole = (name: string): string =>
    (texts.get(name) ?? '').replace(INCLUDE, (_line, included: string) => whole(included).trimEnd())
  const scripts = new Map(
    [...texts]
      .filter(([name, text]) => text.startsWith('#!') || SOURCED.has(name))
      .map(([name]): [string, string] => [name, whole(name)]),
  )
  const digest = createHash('sha256').update([...scripts.values()].join('\0'))
  const made = { scripts, hash: digest.digest('hex').slice(0, 16) }
  composed.set(texts, made)
  return made
}

/** Creates a directory with these files atomically; false if it exists already. */
async function makeDirectory(path: string, files: ReadonlyMap<string, string>): Promise<boolean> {
  if (existsSync(path)) return false
  const made = await mkdtemp(`${path}.`)
  try {
    for (const [name, text] of files) await writeFile(join(made, name), text, { mode: 0o600 })
    await rename(made, path)
    return true
  } catch (error) {
    await rm(made, { recursive: true, force: true })
    // Another process created it in the meantime.
    if (errnoOf(error) === 'ENOTEMPTY' || errnoOf(error) === 'EEXIST') return false
    throw error
  }
}

/**
 * Copies the scripts to `<libDir>/<hash of their content>/` and returns that directory, so that an upgrade or a removed package
 * never changes a running recorder. Repairs a damaged copy.
 */
export async function installAssets(layout: RecordLayout): Promise<string> {
  const { scripts, hash } = await installedScripts()
  const directory = join(layout.libDir, hash)
  await makePrivateDirectory(layout.libDir)
  if (await makeDirectory(directory, scripts)) return directory
  for (const [name, content] of scripts)
    if (readIfExists(join(directory, name)) !== content) await replaceFile(join(directory, name), content)
  const touched = new Date()
  await utimes(directory, touched, touched)
  return directory
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
    const directory = join(layout.libDir, name)
    const found = statSync(directory, { throwIfNoEntry: false })
    if (found !== undefined && Date.now() - found.mtimeMs > COPY_REST_MS)
      await rm(directory, { recursive: true, force: true })
  }
}
