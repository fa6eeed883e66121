import { rm } from 'node:fs/promises'
import { IapeerError } from '@iapeer/core/errors'
import type { RecordLayout } from '@iapeer/core/paths'
import { type Liveness, observeProcess } from '@iapeer/core/process'
import { claimedAtMs } from '../records/claim-file.ts'
import { logLifecycle } from '../records/log.ts'
import { type CanaryOptions, checkedLocation, checkGen, recordsAreOff } from '../records/options.ts'
import { seeSettled } from '../records/recorder.ts'
import { type GenerationName, readCanaryRecord } from '../records/state-file.ts'
import { makeDirectories } from '../scripts/assets.ts'
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

interface IntentPaths {
  readonly layout: RecordLayout
  readonly name: GenerationName
}

function intentPathsOf(target: IntentTarget): IntentPaths {
  const { identity, layout } = checkedLocation(target)
  return { layout, name: { identity, gen: checkGen(target.gen) } }
}

function checkHold(holdMs: number): number {
  if (Number.isFinite(holdMs) && holdMs >= 0 && holdMs <= LONGEST_HOLD_MS) return holdMs
  const hint = `Give milliseconds, 0 to ${LONGEST_HOLD_MS}.`
  throw new IapeerError(`not a time to hold an intent: ${String(holdMs)}`, { code: 'invalid-options', hint })
}

function isClaimed({ layout, name }: IntentPaths): boolean {
  return claimedAtMs(layout, name) !== undefined
}

async function serverLiveness(paths: IntentPaths): Promise<Liveness> {
  const record = readCanaryRecord(paths.layout, paths.name)
  if (record !== undefined && record !== 'corrupt') return observeProcess(record.server)
  return isClaimed(paths) ? 'gone' : 'unknown'
}

function logIntent(paths: IntentPaths, intent: Intent, state: string, reason?: string): Promise<void> {
  const { by, why } = intent
  return logLifecycle(paths.layout, {
    ev: 'intent',
    ...paths.name,
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

async function withdraw(paths: IntentPaths, intents: readonly Intent[], reason: string): Promise<void> {
  const [intent] = intents
  if (intent === undefined) return
  const record = readCanaryRecord(paths.layout, paths.name)
  for (const one of intents) await setIntentState(one, 'withdrawn')
  await logIntent(paths, intent, 'withdrawn', reason)
  // Without a recorder there is none that would read the file, or remove it.
  if (record === undefined || record === 'corrupt') await removeOwn(intents)
  else if ((await observeProcess(record.server)) === 'gone') {
    await seeSettled(paths.layout, record)
    // While a recorder still reads the files one after another, it must not meet a gap.
    if (readCanaryRecord(paths.layout, paths.name) === undefined) await removeOwn(intents)
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
  const paths = intentPathsOf(options)
  const until = Math.ceil((Date.now() + checkHold(options.holdMs ?? DEFAULT_HOLD_MS)) / 1000)
  if (recordsAreOff()) return { state: 'declared' }
  await makeDirectories(paths.layout)
  const declaredBefore = await isDeclared(paths.layout, paths.name)
  const intents = await addIntents(paths.layout, paths.name, {
    by: oneLine(options.by),
    why: oneLine(options.why),
    until,
  })
  holdHangups.hold()
  await logIntent(paths, intents[0], 'pending')
  if ((await serverLiveness(paths)) !== 'gone') return { state: 'declared' }
  if (declaredBefore) return { state: 'declared' }
  await withdraw(paths, intents, 'already-dead')
  holdHangups.release()
  return { state: 'already-dead' }
}

/**
 * The teardown has verified the end: the generation stays silent even if this process dies now.
 * @throws IapeerError `invalid-identity`, `invalid-options`, `invalid-path`; Node system errors when it cannot be written
 */
export async function completeIntent(target: IntentTarget): Promise<IntentResult> {
  const paths = intentPathsOf(target)
  const intents = await ownPending(paths.layout, paths.name, 'first')
  const [intent] = intents
  if (intent === undefined) return { state: 'none' }
  if ((await serverLiveness(paths)) === 'alive') return { state: 'server-alive' }
  const settled = (): boolean => readCanaryRecord(paths.layout, paths.name) === undefined
  for (const one of intents) if (isServerIntent(one.path) || !settled()) await setIntentState(one, 'done')
  // Settling removes the state before the intents: what was written after that would stay behind.
  if (settled()) await removeOwn(intents)
  await logIntent(paths, intent, 'done')
  holdHangups.release()
  return { state: 'done' }
}

/**
 * The teardown failed or was given up: from here on a death of this generation is recorded again.
 * @throws as {@link completeIntent}
 */
export async function withdrawIntent(target: IntentTarget): Promise<IntentResult> {
  const paths = intentPathsOf(target)
  const intents = await ownPending(paths.layout, paths.name, 'last')
  if (intents.length === 0) return { state: 'none' }
  await withdraw(paths, intents, 'asked')
  holdHangups.release()
  return { state: 'withdrawn' }
}
