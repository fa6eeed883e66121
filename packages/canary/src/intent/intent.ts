import { rm } from 'node:fs/promises'
import { IapeerError } from '@iapeer/core/errors'
import type { RecordLayout } from '@iapeer/core/paths'
import { type Liveness, observeProcess } from '@iapeer/core/process'
import { claimedAtMs } from '../records/claim-file.ts'
import { logLifecycle } from '../records/log.ts'
import { type CanaryOptions, checkedPlace, checkGen, recordsAreOff } from '../records/options.ts'
import { seeSettled } from '../records/recorder.ts'
import { type GenerationName, readCanaryRecord } from '../records/state-file.ts'
import { makeFolders } from '../scripts/assets.ts'
import { holdHangups } from './hangup.ts'
import {
  addIntents,
  type Intent,
  isDeclared,
  isServerIntent,
  oneLine,
  ownPending,
  setIntentState,
} from './intent-file.ts'

/** Which life of which server a teardown is about. */
export interface IntentTarget extends CanaryOptions {
  /** 16 hex digits, from `ensureCanary` or `canaryStatus`. */
  readonly gen: string
}

/** What a teardown says of itself before it begins. */
export interface DeclareOptions extends IntentTarget {
  /** Who tears down, one line, e.g. `iapeer stop`. */
  readonly by: string
  /** Why, one line. */
  readonly why: string
  /** How long a pending intent is believed, in milliseconds, at most a day. @default 600000 */
  readonly holdMs?: number
}

/** What {@link declareIntent} found. */
export type DeclareResult = {
  /** `already-dead`: the server had died before; the intent was withdrawn and that death is recorded. */
  readonly state: 'declared' | 'already-dead'
}

/** What {@link completeIntent} or {@link withdrawIntent} did. */
export type IntentResult = {
  /** `server-alive`: nothing was completed, because the server lives. `none`: this process has no pending intent here. */
  readonly state: 'done' | 'withdrawn' | 'none' | 'server-alive'
}

const DEFAULT_HOLD_MS = 600_000
const LONGEST_HOLD_MS = 86_400_000

interface Place {
  readonly layout: RecordLayout
  readonly name: GenerationName
}

function placeOf(target: IntentTarget): Place {
  const { identity, layout } = checkedPlace(target)
  return { layout, name: { identity, gen: checkGen(target.gen) } }
}

function checkHold(holdMs: number): number {
  if (Number.isFinite(holdMs) && holdMs >= 0 && holdMs <= LONGEST_HOLD_MS) return holdMs
  const hint = `Give milliseconds, 0 to ${LONGEST_HOLD_MS}.`
  throw new IapeerError(`not a time to hold an intent: ${String(holdMs)}`, { code: 'invalid-options', hint })
}

function isClaimed({ layout, name }: Place): boolean {
  return claimedAtMs(layout, name) !== undefined
}

async function serverLiveness(place: Place): Promise<Liveness> {
  const record = readCanaryRecord(place.layout, place.name)
  if (record !== undefined && record !== 'corrupt') return observeProcess(record.server)
  return isClaimed(place) ? 'gone' : 'unknown'
}

function logIntent(place: Place, intent: Intent, state: string, reason?: string): Promise<void> {
  const { by, why } = intent
  return logLifecycle(place.layout, {
    ev: 'intent',
    ...place.name,
    by: oneLine(by),
    why: oneLine(why),
    state,
    reason,
  })
}

/** Removes an intent that nothing reads any more; what is under the key of a server stays for its other names. */
async function removeOwn(intents: readonly Intent[]): Promise<void> {
  for (const { path } of intents) if (!isServerIntent(path)) await rm(path, { force: true })
}

async function withdraw(place: Place, intents: readonly Intent[], reason: string): Promise<void> {
  const [intent] = intents
  if (intent === undefined) return
  const record = readCanaryRecord(place.layout, place.name)
  for (const one of intents) await setIntentState(one, 'withdrawn')
  await logIntent(place, intent, 'withdrawn', reason)
  // Without a recorder there is none that would read the file, or remove it.
  if (record === undefined || record === 'corrupt') await removeOwn(intents)
  else if ((await observeProcess(record.server)) === 'gone') {
    await seeSettled(place.layout, record)
    // While a recorder still reads the files one after another, it must not meet a gap.
    if (readCanaryRecord(place.layout, place.name) === undefined) await removeOwn(intents)
  }
}

/**
 * Notes, on disk and before anything is torn down, that this generation ends on purpose. Then looks again: if the
 * server was dead already and nobody else had declared it, the intent is withdrawn and that death recorded.
 * Call {@link completeIntent} when the end is verified, {@link withdrawIntent} when the teardown failed. Until then a
 * hangup (SIGHUP) does not end this process: it may live in the very server that it ends.
 * @throws IapeerError `invalid-identity`, `invalid-path`, `invalid-options`; Node system errors when it
 * cannot be written
 */
export async function declareIntent(options: DeclareOptions): Promise<DeclareResult> {
  const place = placeOf(options)
  const until = Math.ceil((Date.now() + checkHold(options.holdMs ?? DEFAULT_HOLD_MS)) / 1000)
  if (recordsAreOff()) return { state: 'declared' }
  await makeFolders(place.layout)
  const declaredBefore = await isDeclared(place.layout, place.name)
  const intents = await addIntents(place.layout, place.name, {
    by: oneLine(options.by),
    why: oneLine(options.why),
    until,
  })
  holdHangups.hold()
  await logIntent(place, intents[0], 'pending')
  if ((await serverLiveness(place)) !== 'gone') return { state: 'declared' }
  if (declaredBefore) return { state: 'declared' }
  await withdraw(place, intents, 'already-dead')
  holdHangups.release()
  return { state: 'already-dead' }
}

/**
 * The teardown has verified the end: the generation stays silent even if this process dies now.
 * @throws IapeerError `invalid-identity`, `invalid-options`, `invalid-path`; Node system errors when it cannot be written
 */
export async function completeIntent(target: IntentTarget): Promise<IntentResult> {
  const place = placeOf(target)
  const intents = await ownPending(place.layout, place.name, 'first')
  const [intent] = intents
  if (intent === undefined) return { state: 'none' }
  if ((await serverLiveness(place)) === 'alive') return { state: 'server-alive' }
  const settled = (): boolean => readCanaryRecord(place.layout, place.name) === undefined
  for (const one of intents) if (isServerIntent(one.path) || !settled()) await setIntentState(one, 'done')
  // Settling removes the state before the intents: what was written after that would stay behind.
  if (settled()) await removeOwn(intents)
  await logIntent(place, intent, 'done')
  holdHangups.release()
  return { state: 'done' }
}

/**
 * The teardown failed or was given up: from here on a death of this generation is recorded again.
 * @throws as {@link completeIntent}
 */
export async function withdrawIntent(target: IntentTarget): Promise<IntentResult> {
  const place = placeOf(target)
  const intents = await ownPending(place.layout, place.name, 'last')
  if (intents.length === 0) return { state: 'none' }
  await withdraw(place, intents, 'asked')
  holdHangups.release()
  return { state: 'withdrawn' }
}
