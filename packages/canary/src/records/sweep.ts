import { lstatSync, readlinkSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import type { RecordLayout } from '@iapeer/core/paths'
import { observeProcess, parseProcessId } from '@iapeer/core/process'
import { isServerIntent, readIntents, setIntentState } from '../intent/intent-file.ts'
import { logLifecycle } from './log.ts'
import { parseServerKey } from './server-key.ts'
import {
  failuresDirOf,
  type GenerationName,
  namesIn,
  parseGenerationName,
  readCanaryRecord,
} from './state-file.ts'

/** Younger files are kept: a process may still be writing them. */
const REST_MS = 60_000

/** How long the files stay that recorders of one death or one second share: until all of these have settled. */
const SHARED_MS = 86_400_000

/** `<identity>-<gen>` with a suffix: `.lease1`, `.123.part`, `.2`, `.<pid>.<time>.tmp`. */
const OF_GENERATION = /^(.+-[0-9a-f]{16})(?:\.(.+))?$/

function ageMs(path: string): number {
  const found = lstatSync(path, { throwIfNoEntry: false })
  return found === undefined ? 0 : Date.now() - found.mtimeMs
}

function generationOf(entry: string): { name: GenerationName; rest: string | undefined } | undefined {
  const [, key, rest] = OF_GENERATION.exec(entry) ?? []
  const name = key === undefined ? undefined : parseGenerationName(key)
  return name === undefined ? undefined : { name, rest }
}

/** Returns whether a file is the lease of a running recorder, which is starting or finishing. */
export async function isHeld(path: string): Promise<boolean> {
  try {
    const holder = parseProcessId(readlinkSync(path))
    return holder !== undefined && (await observeProcess(holder)) !== 'gone'
  } catch (error) {
    if (errnoOf(error) === 'EINVAL' || errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

/** Removes files of killed recorders whose state file is gone. */
export async function sweepRecorderFiles(layout: RecordLayout): Promise<void> {
  for (const entry of namesIn(layout.canaryDir)) {
    const found = generationOf(entry)
    const path = join(layout.canaryDir, entry)
    if (found?.rest === undefined || ageMs(path) < REST_MS) continue
    if (readCanaryRecord(layout, found.name) !== undefined || (await isHeld(path))) continue
    await rm(path, { force: true })
  }
}

/** How long the note about a failed watch stays (`src/watch/failure-note.ts`): after that, the failure is logged again. */
const NOTE_MS = 7 * 86_400_000

/** Removes old notes about failures: their watches may not be wanted any more. */
export async function sweepNotes(layout: RecordLayout): Promise<void> {
  for (const entry of namesIn(failuresDirOf(layout))) {
    const path = join(failuresDirOf(layout), entry)
    if (ageMs(path) > NOTE_MS) await rm(path, { force: true })
  }
}

/** The files with the host sections that deaths of one second share (assets/host-lease.sh); every snapshot has a copy. */
const HOST_FILE = /^host-[0-9a-z]*-\d{10}(?:-\d)?\.txt$/

/**
 * Removes partial files of killed recorders and witnesses; after a day also the marks of dead servers and the files that
 * deaths of one second share.
 */
export async function sweepParts(layout: RecordLayout): Promise<void> {
  for (const entry of namesIn(layout.deathsDir)) {
    const path = join(layout.deathsDir, entry)
    const restMs = /\.(?:part|pipe)$/.test(entry)
      ? REST_MS
      : entry.endsWith('.server') || HOST_FILE.test(entry)
        ? SHARED_MS
        : undefined
    if (restMs !== undefined && ageMs(path) > restMs) await rm(path, { force: true })
  }
}

async function withdrawAbandoned(layout: RecordLayout, name: GenerationName): Promise<void> {
  for (const intent of readIntents(layout, name)) {
    if (intent.state !== 'pending' || intent.declarer === undefined) continue
    if ((await observeProcess(intent.declarer)) !== 'gone') continue
    await setIntentState(intent, 'withdrawn')
    if (isServerIntent(intent.path)) continue
    await logLifecycle(layout, {
      ev: 'intent',
      ...name,
      by: intent.by,
      why: intent.why,
      state: 'withdrawn',
      reason: 'declarer-gone',
    })
  }
}

/** Removes notes about renamed generations that have neither a recorder nor a record any more. */
export async function sweepNames(layout: RecordLayout): Promise<void> {
  const notes = namesIn(layout.namesDir)
  if (notes.length === 0) return
  const known = [...namesIn(layout.canaryDir), ...namesIn(layout.deathsDir)]
  const gens = new Set(known.flatMap((entry) => generationOf(entry)?.name.gen ?? []))
  for (const gen of notes) {
    const path = join(layout.namesDir, gen)
    if (!gens.has(gen) && ageMs(path) > REST_MS) await rm(path, { force: true })
  }
}

/** How long after its last change a recorder may still read the intent of a dead server. */
const SERVER_INTENT_MS = 600_000

/** Removes the intents of dead servers, all of one server together: a reader stops at a gap in their numbers. */
async function sweepServerIntents(layout: RecordLayout): Promise<void> {
  const byKey = new Map<string, string[]>()
  for (const entry of namesIn(layout.intentDir)) {
    const [, key] = /^(.+)\.server(?:\..+)?$/.exec(entry) ?? []
    if (key !== undefined) byKey.set(key, [...(byKey.get(key) ?? []), join(layout.intentDir, entry)])
  }
  for (const [key, paths] of byKey) {
    const server = parseServerKey(key)
    if (server === undefined || paths.some((path) => ageMs(path) < SERVER_INTENT_MS)) continue
    if ((await observeProcess(server)) === 'gone') for (const path of paths) await rm(path, { force: true })
  }
}

/**
 * Withdraws pending intents whose declarer is gone, while their server is running (after its death, settling decides). Removes
 * the intents of generations without a recorder and of dead servers.
 */
export async function sweepIntents(layout: RecordLayout): Promise<void> {
  await sweepServerIntents(layout)
  for (const entry of namesIn(layout.intentDir)) {
    const path = join(layout.intentDir, entry)
    const found = generationOf(entry)
    if (found === undefined) continue
    const record = readCanaryRecord(layout, found.name)
    if (record === 'corrupt') continue
    if (record === undefined || entry.endsWith('.tmp')) {
      if (ageMs(path) > REST_MS && !(await isOpen(layout, found.name))) await rm(path, { force: true })
    } else if (found.rest === undefined && (await observeProcess(record.server)) === 'alive') {
      await withdrawAbandoned(layout, found.name)
    }
  }
}

/** Returns whether a running declarer still needs its intent, even if no recorder is armed. */
async function isOpen(layout: RecordLayout, name: GenerationName): Promise<boolean> {
  for (const { state, declarer } of readIntents(layout, name)) {
    if (state === 'pending' && declarer !== undefined && (await observeProcess(declarer)) !== 'gone')
      return true
  }
  return false
}
