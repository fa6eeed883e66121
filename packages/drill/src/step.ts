import { setTimeout as sleep } from 'node:timers/promises'
import { waitUntil } from '@iapeer/core/async'
import { observeProcess, type ProcessId } from '@iapeer/core/process'
import type { ExitRecord, VerdictWord } from '@iapeer/forensics'
import { judgeAmong, releaseStartsOf } from '@iapeer/lifecycle'
import { textOf } from './errors.ts'
import { compare, compareRecord, type Expected, type Found, type Problem } from './expected.ts'
import type { Act } from './kinds/index.ts'
import { PeerMail } from './mail.ts'
import {
  type DrillPeer,
  type Generation,
  identityOf,
  removeDrillPeer,
  runningGeneration,
  startDrillPeer,
} from './peer.ts'
import type { Step } from './plan.ts'
import { removePrivateDirectory } from './private-directory.ts'
import { randomFrom } from './random.ts'
import type { Site } from './site.ts'
import { isSnapshotWhole } from './snapshot.ts'

/** How long a record is waited for, in milliseconds. */
export interface RecordLimits {
  /** For one that must come: by a recorder, or by the next look of the daemon. */
  readonly recordMs: number
  /** For one that must not come, after a deliberate act. */
  readonly silenceMs: number
}

const LIMITS: RecordLimits = { recordMs: 20_000, silenceMs: 500 }
const RECOVERY_MS = 60_000
const SNAPSHOT_MS = 10_000
/** Held starts are released with every so many looks for the next run of a peer: about once in a second. */
const LOOKS_PER_RELEASE = 10
/** One of so many peers that nothing may start again is watched for longer than the daemon needs to start one. */
const WATCHED_LONG = 4
const RESTART_MS = 4_000
/** How long a verdict may be provisional. */
const VERDICT_MS = 40_000

/** The result of one act. */
export interface StepResult {
  readonly step: Step
  readonly identity: string
  readonly gen: string | undefined
  readonly problems: readonly Problem[]
  /** From the fault to the record, in milliseconds; undefined where nothing is recorded. */
  readonly recordMs: number | undefined
  /** From the fault until the peer runs again, in milliseconds; undefined where it is not restarted. */
  readonly recoveryMs: number | undefined
  /** The number of records that each generation of the peer may have. */
  readonly allowed: ReadonlyMap<string, readonly number[]>
}

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
    const [death] = await judgeAmong(site.root, site.records.recent, (one) => one === record)
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
    { limitMs: RECOVERY_MS, everyMs: 100 },
  )
}

interface Observed {
  readonly found: Found
  /** What is wrong with the record itself. */
  readonly problems: readonly Problem[]
  readonly recordMs: number | undefined
  readonly recoveryMs: number | undefined
  readonly last: Generation | undefined
}

/** A peer, and whether it is watched for longer than the daemon needs to start it. */
type WatchedPeer = DrillPeer & { readonly isWatchedLong: boolean }

const identitiesOf = ({ identity }: DrillPeer, { renamedTo }: Act): readonly string[] =>
  renamedTo === undefined ? [identity] : [identity, identityOf(renamedTo)]

async function observe(
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

/** Returns the processes of runs that have exited. */
async function goneOf(runs: readonly Generation[]): Promise<ProcessId[]> {
  const all = runs.flatMap(({ server, leader, recorder }) => [server, leader, recorder])
  const states = await Promise.all(all.map((id) => observeProcess(id)))
  return all.filter((_id, at) => states[at] === 'gone')
}

const failure = (step: Step, name: string, problems: readonly Problem[]): StepResult => ({
  step,
  identity: identityOf(name),
  gen: undefined,
  problems,
  recordMs: undefined,
  recoveryMs: undefined,
  allowed: new Map(),
})

/** Waits until the messages have reached a peer that may have them. @returns its run then, which a message may have begun */
async function afterMail(
  site: Site,
  name: string,
  mail: PeerMail | undefined,
  { last, runs }: { readonly last: Generation; readonly runs: Expected['runs'] },
): Promise<Generation> {
  if (mail === undefined) return last
  // A peer that a person has stopped gets none: they are returned when it is removed.
  if (runs === 'no') await mail.sent
  else await mail.settle()
  return (await runningGeneration(site, identityOf(name))) ?? last
}

/** Does one act on a peer of its own, and checks what follows. The peer is removed afterwards. */
export async function runStep(site: Site, step: Step, limits = LIMITS): Promise<StepResult> {
  const name = `p${step.number}`
  let present = name
  let last: Generation | undefined
  try {
    const started = await startDrillPeer(site, name, step.isRestarted)
    const peer = { ...started, isWatchedLong: step.seed % WATCHED_LONG === 0 }
    last = peer.generation
    const mail = site.hasMail ? new PeerMail(site, name, randomFrom(step.seed + 1)) : undefined
    await sleep(step.delayMs)
    const act = await step.kind.act(peer, randomFrom(step.seed))
    present = act.renamedTo ?? name
    const { expected } = act
    const observed = await observe(peer, act, limits)
    const { gen, identity } = peer.generation
    const { isRestarted } = step
    const problems = compare(expected, observed.found, { isRestarted, hasMail: site.hasMail })
    if (observed.found.isConfirmed) problems.push(...observed.problems)
    const seen = [observed.last ?? peer.generation]
    const { runs } = expected
    seen.push(await afterMail(site, present, mail, { last: seen[0] ?? peer.generation, runs }))
    if (runs !== 'no') problems.push(...((await mail?.returnedProblems()) ?? []))
    last = seen.at(-1)
    const allowed = new Map<string, readonly number[]>(seen.map((one) => [one.gen, [0]]))
    allowed.set(gen, expected.records)
    if (!(await removeDrillPeer(site, present, last)))
      problems.push({ kind: 'leftover', what: `a process of ${identity} did not exit` })
    problems.push(...((await mail?.problems()) ?? []))
    // A drill of many thousand acts would fill the disk with them.
    if (problems.length === 0) await removePrivateDirectory(peer.entry.home)
    site.processes.forget(await goneOf([peer.generation, ...seen]))
    const { recordMs, recoveryMs } = observed
    return { step, identity, gen, problems, recordMs, recoveryMs, allowed }
  } catch (error) {
    const problems: Problem[] = [{ kind: 'failed', what: textOf(error) }]
    await removeDrillPeer(site, present, last).catch((other: unknown) => {
      problems.push({ kind: 'leftover', what: `the peer was not removed: ${textOf(other)}` })
    })
    return failure(step, name, problems)
  }
}
