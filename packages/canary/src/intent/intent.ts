import { rm } from 'node:fs/promises'
import { IapeerError } from '@iapeer/core/errors'
import type { RecordLayout } from '@iapeer/core/paths'
import { type Liveness, observeProcess } from '@iapeer/core/process'
import { claimedAtMs } from '../records/claim-file.ts'
import { logLifecycle } from '../records/log.ts'
import { type CanaryOptions, checkedLocation, checkGen, recordsAreOff } from '../records/options.ts'
import { ensureSettled } from '../records/recorder.ts'
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

/** The generation that a stop is about. */
export interface IntentTarget extends CanaryOptions {
  /** 16 hex digits, from `ensureCanary` or `canaryStatus`. */
  readonly gen: string
}

/** What {@link declareIntent} writes down. */
export interface DeclareOptions extends IntentTarget {
  /** Who stops the server, one line, for example `iapeer stop`. */
  readonly by: string
  /** Why, one line. */
  readonly why: string
  /** How long a pending intent is valid, in milliseconds, at most a day. @default 600000 */
  readonly holdMs?: number
}

/** What {@link declareIntent} found. */
export type DeclareResult = {
  /** `already-dead`: the server died before the call; the intent is withdrawn and the death recorded. */
  readonly state: 'declared' | 'already-dead'
}

/** What {@link completeIntent} or {@link withdrawIntent} did. */
export type IntentResult = {
  /** `server-alive`: nothing was completed, because the server is running. `none`: this process has no pending intent. */
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
  const hint = `Pass milliseconds, 0 to ${LONGEST_HOLD_MS}.`
  throw new IapeerError(`invalid holdMs: ${String(holdMs)}`, { code: 'invalid-options', hint })
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

/** Removes intents that no process reads any more. Those under a server's key stay, for its other identities. */
async function removeOwn(intents: readonly Intent[]): Promise<void> {
  for (const { path } of intents) if (!isServerIntent(path)) await rm(path, { force: true })
}

async function withdraw(paths: IntentPaths, intents: readonly Intent[], reason: string): Promise<void> {
  const [intent] = intents
  if (intent === undefined) return
  const record = readCanaryRecord(paths.layout, paths.name)
  for (const one of intents) await setIntentState(one, 'withdrawn')
  await logIntent(paths, intent, 'withdrawn', reason)
  // Without a recorder no process would read or remove the file.
  if (record === undefined || record === 'corrupt') await removeOwn(intents)
  else if ((await observeProcess(record.server)) === 'gone') {
    await ensureSettled(paths.layout, record)
    // A recorder that is still reading the numbered files would stop at a gap.
    if (readCanaryRecord(paths.layout, paths.name) === undefined) await removeOwn(intents)
  }
}

/**
 * Writes an intent: this generation is about to be stopped on purpose. Call it before you stop anything. If the server turns
 * out to be dead already, and no other process had declared an intent, the intent is withdrawn and that death is recorded.
 * Call {@link completeIntent} when you have verified that the server exited, {@link withdrawIntent} when the stop failed.
 * Until then SIGHUP does not kill this process, which may run in the server that it stops.
 * @throws IapeerError `invalid-identity`, `invalid-path`, `invalid-options`; Node system errors when the intent cannot be
 * written
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
 * Marks the intent done: the server was verified to have exited. No death is recorded, even if this process dies now.
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
  // Settling removes the state file, then the intents: an intent written in between would never be removed.
  if (settled()) await removeOwn(intents)
  await logIntent(paths, intent, 'done')
  holdHangups.release()
  return { state: 'done' }
}

/**
 * Withdraws the intent because the stop failed or was cancelled: from now on a death of this generation is recorded.
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
