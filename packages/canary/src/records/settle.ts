import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { RecordLayout } from '@iapeer/core/paths'
import { formatProcessId, type ProcessId, readBootClock } from '@iapeer/core/process'
import { installAssets } from '../scripts/assets.ts'
import { claimedAtMs } from './claim-file.ts'
import { logLifecycle } from './log.ts'
import { lastSeenMs } from './seen.ts'

const SETTLE_LIMIT_MS = 20_000

/**
 * The outcome of settling one generation (assets/settle.sh). Settled: `recorded` (the death is recorded now), `completed` (the
 * missing line or snapshot of a claim is written now), `settled` (nothing was missing), `silent` (stopped on purpose). Later:
 * `alive`, `busy` (another process is settling it), `pending` (a declared stop is under way), `unknown` (its processes cannot
 * be observed), `unwritable` (a file cannot be written).
 */
export type SettleOutcome =
  | 'alive'
  | 'busy'
  | 'completed'
  | 'pending'
  | 'recorded'
  | 'settled'
  | 'silent'
  | 'unknown'
  | 'unwritable'

const OUTCOMES: ReadonlySet<string> = new Set<SettleOutcome>([
  'alive',
  'busy',
  'completed',
  'pending',
  'recorded',
  'settled',
  'silent',
  'unknown',
  'unwritable',
])

const isOutcome = (word: string): word is SettleOutcome => OUTCOMES.has(word)

export interface Generation {
  readonly identity: string
  readonly gen: string
  /** Undefined if the state file is missing. */
  readonly server: ProcessId | undefined
  /** Its last known recorder; undefined if there is none. */
  readonly recorder: ProcessId | undefined
  readonly boot: string
}

/** Returns the inputs that every script shares (generation.sh). */
export function generationInputs(
  layout: RecordLayout,
  generation: Generation,
  lib: string,
): Record<string, string> {
  return {
    IAPEER_IDENTITY: generation.identity,
    IAPEER_GEN: generation.gen,
    IAPEER_SERVER: generation.server === undefined ? 'unknown:unknown' : formatProcessId(generation.server),
    IAPEER_BOOT: generation.boot,
    ...(generation.recorder === undefined ? {} : { IAPEER_RECORDER: formatProcessId(generation.recorder) }),
    IAPEER_RECORD_DIR: layout.recordDir,
    IAPEER_STATE_DIR: layout.stateDir,
    IAPEER_LIB: lib,
    IAPEER_PLATFORM: process.platform,
    IAPEER_CLOCK: readBootClock(),
  }
}

/** Returns the last time that a generation is known to have run: when it was armed, or the time of `seen`. */
function seenAliveMs(layout: RecordLayout, { identity, gen }: Generation): number | undefined {
  const armed = statSync(join(layout.canaryDir, `${identity}-${gen}`), { throwIfNoEntry: false })?.mtimeMs
  return armed === undefined ? undefined : Math.max(armed, lastSeenMs(layout) ?? 0)
}

/** Settles a generation whose recorder is gone: records its death, completes the record, or finds a declared stop. */
export async function settleGeneration(layout: RecordLayout, generation: Generation): Promise<SettleOutcome> {
  // Loaded here, because most programs that import this package never settle a death.
  const { runTool, scriptEnv } = await import('../process/spawn.ts')
  const lib = await installAssets(layout)
  const claimedMs = claimedAtMs(layout, generation)
  const seenMs = seenAliveMs(layout, generation)
  const env = scriptEnv({
    ...generationInputs(layout, generation, lib),
    ...(claimedMs === undefined ? {} : { IAPEER_CLAIM_MS: String(Math.floor(claimedMs)) }),
    ...(seenMs === undefined ? {} : { IAPEER_SEEN_MS: String(Math.floor(seenMs)) }),
  })
  const result = await runTool('/bin/sh', [join(lib, 'settle.sh')], { env, limitMs: SETTLE_LIMIT_MS })
  const word = result.stdout.trim()
  if (isOutcome(word)) return word
  const { identity, gen } = generation
  const how = result.timedOut
    ? `no answer within ${SETTLE_LIMIT_MS / 1_000} s`
    : `exit code ${result.exitCode ?? 'none'}`
  const output = result.stderr.split('\n', 1)[0] ?? ''
  await logLifecycle(layout, {
    ev: 'canary',
    identity,
    gen,
    state: 'settle-failed',
    origin: 'reconcile',
    reason: output === '' ? how : `${how}: ${output}`,
  })
  return 'unwritable'
}
