import { setTimeout as sleep } from 'node:timers/promises'
import { waitUntil } from '@iapeer/core/async'
import type { ExitRecord, VerdictWord } from '@iapeer/forensics'
import { judgeAmong, releaseStartsOf } from '@iapeer/lifecycle'
import { compareRecord, type Expected, type Found, type Problem } from './expected.ts'
import type { Act } from './kinds/index.ts'
import { type DrillPeer, type Generation, identityOf, runningGeneration } from './peer.ts'
import type { Site } from './site.ts'
import { isSnapshotWhole } from './snapshot.ts'

/** How long a record is waited for, in milliseconds. */
export interface RecordLimits {
  /** For one that must come: by a recorder, or by the next look of the daemon. */
  readonly recordMs: number
  /** For one that must not come, after a deliberate act. */
  readonly silenceMs: number
}

const RECOVERY_MS = 60_000
/** A recorder that no process was left for may be gone: then the daemon completes the snapshot some time later. */
const SNAPSHOT_MS = 30_000
/** Held starts are released with every so many looks for the next run of a peer: about once in a second. */
const LOOKS_PER_RELEASE = 5
const RESTART_MS = 4_000
/** How long a verdict may be provisional. */
const VERDICT_MS = 40_000

/** Waits until the snapshot of a death is complete. @returns whether it is */
async function hasSnapshot(record: ExitRecord): Promise<boolean> {
  return (await waitUntil(() => isSnapshotWhole(record), { limitMs: SNAPSHOT_MS, everyMs: 50 })) === true
}

/** Returns the verdict of a death. A verdict is provisional for a time: it is asked for until it is one of those that are expected. */
async function verdictOf(
  site: Site,
  record: ExitRecord,
  { verdicts = [] }: Expected,
): Promise<VerdictWord | undefined> {
  let verdict: VerdictWord | undefined
  const isExpected = async (): Promise<true | undefined> => {
    const reader = site.deathReader
    const [death] = await judgeAmong(site.root, site.records.recent, (one) => one === record, { reader })
    verdict = death?.judged.verdict
    return verdicts.length === 0 || verdicts.some((one) => one === verdict) || undefined
  }
  await waitUntil(isExpected, { limitMs: VERDICT_MS, everyMs: 250 })
  return verdict
}

/**
 * Waits for the next run of a peer. Deaths of several peers at a time are what a drill is, so it lets the restarts go on that are held after
 * a mass death, as a person does with `iapeer start --all`.
 * @returns undefined if there is none within the limit
 */
async function nextGeneration(site: Site, name: string, before: string): Promise<Generation | undefined> {
  let looks = 0
  return waitUntil(
    async () => {
      const now = await runningGeneration(site, identityOf(name))
      if (now !== undefined && now.gen !== before) return now
      if (looks++ % LOOKS_PER_RELEASE === 0) await releaseStartsOf(site.root)
      return undefined
    },
    { limitMs: RECOVERY_MS, everyMs: 200 },
  )
}

/** What was seen after an act. */
export interface Observed {
  readonly found: Found
  /** What is wrong with the record itself. */
  readonly problems: readonly Problem[]
  readonly recordMs: number | undefined
  readonly recoveryMs: number | undefined
  readonly last: Generation | undefined
}

/** A peer, and whether it is watched for longer than the daemon needs to start it. */
export type WatchedPeer = DrillPeer & { readonly isWatchedLong: boolean }

const identitiesOf = ({ identity }: DrillPeer, { renamedTo }: Act): readonly string[] =>
  renamedTo === undefined ? [identity] : [identity, identityOf(renamedTo)]

/** Watches what follows an act: the record, the snapshot, the verdict, and whether the peer runs again. */
export async function observe(
  peer: WatchedPeer,
  act: Act,
  { recordMs, silenceMs }: RecordLimits,
): Promise<Observed> {
  const { site, generation, isRestarted } = peer
  const { expected, atMs, isConfirmed } = act
  const mustDie = !expected.records.includes(0)
  const seen = await site.records.waitFor(generation.gen, mustDie ? recordMs : silenceMs)
  const name = act.renamedTo ?? peer.name
  const comesBack = expected.runs === 'policy' && isRestarted
  const next = comesBack ? await nextGeneration(site, name, generation.gen) : undefined
  const recoveredMs = Date.now()
  if (!comesBack && expected.runs !== 'yes' && peer.isWatchedLong) await sleep(RESTART_MS)
  const last = next ?? (await runningGeneration(site, identityOf(name)))
  const record = seen?.record
  const isWhole = record && (await hasSnapshot(record))
  return {
    found: {
      records: site.records.recordsOf(generation.gen).map((one) => one.record),
      verdict: record && (await verdictOf(site, record, expected)),
      hasSnapshot: isWhole,
      isConfirmed,
      runs: last !== undefined,
    },
    problems:
      seen === undefined
        ? []
        : compareRecord(seen.record, expected, {
            identities: identitiesOf(peer, act),
            atMs,
            seenMs: seen.seenMs,
          }),
    recordMs: seen === undefined ? undefined : Math.max(0, seen.seenMs - atMs),
    recoveryMs: next === undefined ? undefined : recoveredMs - atMs,
    last,
  }
}
