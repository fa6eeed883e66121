import { setTimeout as sleep } from 'node:timers/promises'
import { mapLimit } from '@iapeer/core/async'
import { observeProcess, type ProcessId } from '@iapeer/core/process'
import { drillFailed, textOf } from './errors.ts'
import { compare, type Expected, type Problem } from './expected.ts'
import { PeerMail } from './mail.ts'
import { observe, type RecordLimits } from './observe.ts'
import {
  type DrillPeer,
  type Generation,
  getPeerNamed,
  identityOf,
  removeDrillPeer,
  runningGeneration,
  startDrillPeer,
} from './peer.ts'
import type { Step } from './plan.ts'
import { removePrivateDirectory } from './private-directory.ts'
import { randomFrom } from './random.ts'
import type { Site } from './site.ts'

const LIMITS: RecordLimits = { recordMs: 20_000, silenceMs: 500 }
/** One of so many peers that nothing may start again is watched for longer than the daemon needs to start one. */
const WATCHED_LONG = 4

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

/** Returns the processes of runs that have exited. */
async function goneOf(runs: readonly Generation[]): Promise<ProcessId[]> {
  const all = runs.flatMap(({ server, leader, recorder }) => [server, leader, recorder])
  const states = await Promise.all(all.map((id) => observeProcess(id)))
  return all.filter((_id, at) => states[at] === 'gone')
}

/** The result of an act that could not be finished: whether the run that it began with has died is not known. */
const failure = (
  step: Step,
  name: string,
  { problems, last }: { readonly problems: readonly Problem[]; readonly last: Generation | undefined },
): StepResult => ({
  step,
  identity: identityOf(name),
  gen: undefined,
  problems,
  recordMs: undefined,
  recoveryMs: undefined,
  allowed: new Map(last === undefined ? [] : [[last.gen, [0, 1]]]),
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

/** Returns a peer that an act has left running. @throws IapeerError `drill-failed` if that run has ended since */
async function stillRunning(peer: DrillPeer): Promise<DrillPeer> {
  const now = await runningGeneration(peer.site, peer.identity)
  if (now?.gen === peer.generation.gen) return peer
  throw drillFailed(`${peer.identity}-${peer.generation.gen} has ended without an act`)
}

/** Removes a peer that an act has left running, and its home. @returns what is left, in words */
async function retire({ site, name, generation, entry }: DrillPeer): Promise<string[]> {
  if (!(await removeDrillPeer(site, name, generation)))
    return [`a process of ${generation.identity} did not exit`]
  return (await removePrivateDirectory(entry.home)) ? [] : [`${entry.home} could not be removed`]
}

const AT_ONCE = 4

/** Removes the peers that acts have left running. @returns what is left, in words: nothing if all is well */
export async function retireSpares(site: Site): Promise<string[]> {
  const left = await mapLimit(site.spares.takeAll(), AT_ONCE, (peer) =>
    retire(peer).catch((error: unknown) => [`${peer.identity} was not removed: ${textOf(error)}`]),
  )
  return left.flat()
}

/** Leaves a peer for another act, under its present name and with its present run. @returns whether it is left */
async function isLeft(
  peer: DrillPeer,
  now: { readonly name: string; readonly generation: Generation; readonly acts: number },
): Promise<boolean> {
  const { site } = peer
  const { name, generation, acts } = now
  // What became of its messages is known once it is removed.
  if (site.hasMail) return false
  const entry = name === peer.name ? peer.entry : await getPeerNamed(site, name)
  return site.spares.keep({ peer: { ...peer, name, entry, identity: identityOf(name), generation }, acts })
}

/**
 * Does one act on a peer that has no other act at the time, and checks what follows. A peer that runs then, as it must, is left for
 * another act. Any other is removed.
 */
export async function runStep(site: Site, step: Step, limits = LIMITS): Promise<StepResult> {
  const { isRestarted } = step
  const spare = site.spares.take(isRestarted)
  const name = spare?.peer.name ?? `p${step.number}`
  let present = name
  let last = spare?.peer.generation
  try {
    const started = await (spare === undefined
      ? startDrillPeer(site, name, isRestarted)
      : stillRunning(spare.peer))
    const peer = { ...started, isWatchedLong: step.seed % WATCHED_LONG === 0 }
    last = peer.generation
    const mail = site.hasMail ? new PeerMail(site, name, randomFrom(step.seed + 1)) : undefined
    await sleep(step.delayMs)
    const act = await step.kind.act(peer, randomFrom(step.seed))
    present = act.renamedTo ?? name
    const { expected } = act
    const observed = await observe(peer, act, limits)
    const { gen, identity } = peer.generation
    const problems = compare(expected, observed.found, { isRestarted, hasMail: site.hasMail })
    if (observed.found.isConfirmed) problems.push(...observed.problems)
    const seen = [observed.last ?? peer.generation]
    const { runs } = expected
    const latest = await afterMail(site, present, mail, { last: seen[0] ?? peer.generation, runs })
    seen.push(latest)
    if (runs !== 'no') problems.push(...((await mail?.returnedProblems()) ?? []))
    last = latest
    const allowed = new Map<string, readonly number[]>(seen.map((one) => [one.gen, [0]]))
    allowed.set(gen, expected.records)
    const now = { name: present, generation: latest, acts: (spare?.acts ?? 0) + 1 }
    if (problems.length > 0 || !observed.found.runs || !(await isLeft(started, now))) {
      if (!(await removeDrillPeer(site, present, latest)))
        problems.push({ kind: 'leftover', what: `a process of ${identity} did not exit` })
      problems.push(...((await mail?.problems()) ?? []))
      // A drill of many thousand acts would fill the disk with them.
      if (problems.length === 0) await removePrivateDirectory(peer.entry.home)
    }
    site.processes.forget(await goneOf([peer.generation, ...seen]))
    const { recordMs, recoveryMs } = observed
    return { step, identity, gen, problems, recordMs, recoveryMs, allowed }
  } catch (error) {
    const problems: Problem[] = [{ kind: 'failed', what: textOf(error) }]
    await removeDrillPeer(site, present, last).catch((other: unknown) => {
      problems.push({ kind: 'leftover', what: `the peer was not removed: ${textOf(other)}` })
    })
    return failure(step, name, { problems, last })
  }
}
