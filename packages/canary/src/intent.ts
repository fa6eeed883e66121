import { existsSync, lstatSync } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, IapeerError } from '@iapeer/core/errors'
import type { RecordLayout } from '@iapeer/core/paths'
import {
  formatProcessId,
  identifyProcess,
  type Liveness,
  observeProcess,
  parseProcessId,
} from '@iapeer/core/process'
import { writeFileAtomic } from '@iapeer/core/storage'
import { makeFolders } from './assets.ts'
import { waitFor } from './end-process.ts'
import { logLifecycle } from './log.ts'
import { type CanaryOptions, checkedPlace } from './place.ts'
import { settleGeneration } from './settle.ts'
import { namesIn, parseGenerationName, parseKeyValues, readCanaryRecord, readIfThere } from './state-file.ts'

/** Which life of which server a teardown is about. */
export interface IntentTarget extends CanaryOptions {
  /** 16 hex digits, from `ensureCanary` or `canaryStatus`. */
  readonly gen: string
}

export interface DeclareOptions extends IntentTarget {
  /** Who tears down, one line, e.g. `iapeer stop`. */
  readonly by: string
  /** Why, one line. */
  readonly why: string
  /** How long a pending intent is believed, at most. @default 120000 */
  readonly holdMs?: number
}

/** `already-dead`: the server had died before; the intent was withdrawn and that death is recorded. */
export type DeclareResult = { readonly state: 'declared' | 'already-dead' }
export type IntentResult = { readonly state: 'done' | 'withdrawn' | 'none' }

const DEFAULT_HOLD_MS = 120_000
const RECORD_LIMIT_MS = 5_000
/** A finished intent that nobody watches for is kept this long for a recorder that may be stopped. */
const FINISHED_REST_MS = 86_400_000

interface Place {
  readonly layout: RecordLayout
  readonly name: { readonly identity: string; readonly gen: string }
  readonly path: string
}

function placeOf(target: IntentTarget): Place {
  const { identity, layout } = checkedPlace(target)
  if (!/^[0-9a-f]{16}$/.test(target.gen)) {
    const hint = 'Take it from ensureCanary or canaryStatus.'
    throw new IapeerError(`not a generation: ${JSON.stringify(target.gen)}`, { code: 'invalid-gen', hint })
  }
  return {
    layout,
    name: { identity, gen: target.gen },
    path: join(layout.intentDir, `${identity}-${target.gen}`),
  }
}

/** A line end would start a field of its own (C: control characters, Zl and Zp: the Unicode line ends). */
const oneLine = (text: string): string => text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').slice(0, 200)

async function intentText(
  state: 'pending' | 'done',
  fields: { by: string; why: string; until: number },
): Promise<string> {
  const self = await identifyProcess(process.pid)
  if (self === undefined) {
    throw new IapeerError('cannot read the start time of this process', {
      code: 'process-unreadable',
      hint: 'See that /proc is mounted (Linux) or that ps runs.',
    })
  }
  const lines = [
    `state=${state}`,
    `declarer=${formatProcessId(self)}`,
    `until=${fields.until}`,
    `by=${oneLine(fields.by)}`,
    `why=${oneLine(fields.why)}`,
    `ts=${new Date().toISOString()}`,
  ]
  return `${lines.join('\n')}\n`
}

function claimed(place: Place): boolean {
  const path = join(place.layout.deathsDir, `${place.name.identity}-${place.name.gen}.claim`)
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

async function serverLiveness(place: Place): Promise<Liveness> {
  const record = readCanaryRecord(place.layout, place.name)
  if (record !== undefined && record !== 'corrupt') return observeProcess(record.server)
  return claimed(place) ? 'gone' : 'unknown'
}

/** Without an intent the death of a dead server is recorded: by its recorder, or here when that is gone. */
async function seeRecorded(place: Place): Promise<void> {
  const finished = (): boolean => readCanaryRecord(place.layout, place.name) === undefined
  const record = readCanaryRecord(place.layout, place.name)
  if (record === undefined || record === 'corrupt') return
  if ((await observeProcess(record.recorder)) !== 'gone' && (await waitFor(finished, RECORD_LIMIT_MS))) return
  await settleGeneration(place.layout, record)
}

/**
 * Notes, on disk and before anything is torn down, that this generation ends on purpose. Then looks again: if the
 * server was dead already, the intent is withdrawn and that death recorded.
 * Call {@link completeIntent} when the end is verified, {@link withdrawIntent} when the teardown failed.
 * @throws IapeerError `invalid-identity`, `invalid-gen`, `invalid-path`; Node system errors when it cannot be written
 */
export async function declareIntent(options: DeclareOptions): Promise<DeclareResult> {
  const place = placeOf(options)
  const { by, why } = options
  await makeFolders(place.layout)
  const until = Math.ceil((Date.now() + (options.holdMs ?? DEFAULT_HOLD_MS)) / 1000)
  await writeFileAtomic(place.path, await intentText('pending', { by, why, until }))
  await logLifecycle(place.layout, {
    ev: 'intent',
    ...place.name,
    by: oneLine(by),
    why: oneLine(why),
    state: 'pending',
  })
  if ((await serverLiveness(place)) !== 'gone') return { state: 'declared' }
  await withdraw(place, 'already-dead')
  return { state: 'already-dead' }
}

async function withdraw(place: Place, reason: string): Promise<void> {
  await rm(place.path, { force: true })
  await logLifecycle(place.layout, { ev: 'intent', ...place.name, state: 'withdrawn', reason })
  if ((await serverLiveness(place)) === 'gone') await seeRecorded(place)
}

/** The teardown has verified the end: the generation stays silent even if this process dies now. */
export async function completeIntent(target: IntentTarget): Promise<IntentResult> {
  const place = placeOf(target)
  const text = readIfThere(place.path)
  if (text === undefined) return { state: 'none' }
  const values = parseKeyValues(text)
  const [by, why] = [values.get('by') ?? '', values.get('why') ?? '']
  await writeFileAtomic(
    place.path,
    await intentText('done', { by, why, until: Number(values.get('until') ?? 0) }),
  )
  await logLifecycle(place.layout, { ev: 'intent', ...place.name, by, why, state: 'done' })
  return { state: 'done' }
}

/** The teardown failed or was given up: from here on a death of this generation is recorded again. */
export async function withdrawIntent(target: IntentTarget): Promise<IntentResult> {
  const place = placeOf(target)
  if (!existsSync(place.path)) return { state: 'none' }
  await withdraw(place, 'asked')
  return { state: 'withdrawn' }
}

async function isOld(path: string): Promise<boolean> {
  try {
    return Date.now() - (await stat(path)).mtimeMs > FINISHED_REST_MS
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

/** Withdraws pending intents whose declarer is dead, and forgets finished ones that nobody watches for any more. */
export async function sweepIntents(layout: RecordLayout): Promise<void> {
  for (const entry of namesIn(layout.intentDir)) {
    const name = parseGenerationName(entry)
    const path = join(layout.intentDir, entry)
    const text = name === undefined ? undefined : readIfThere(path)
    if (name === undefined || text === undefined) continue
    const values = parseKeyValues(text)
    const declarer = parseProcessId(values.get('declarer') ?? '')
    if (values.get('state') === 'done') {
      if (readCanaryRecord(layout, name) === undefined && (await isOld(path))) await rm(path, { force: true })
    } else if (declarer === undefined || (await observeProcess(declarer)) === 'gone') {
      await withdraw({ layout, name, path }, 'declarer-gone')
    }
  }
}
