import { setTimeout as sleep } from 'node:timers/promises'
import { observeProcess, type ProcessId } from '@iapeer/core/process'
import { textOf } from './errors.ts'
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
import type { SparePeers } from './spare-peers.ts'

const LIMITS: RecordLimits = { recordMs: 20_000, silenceMs: 500 }
/** One of so many peers that nothing may start again is watched for longer than the daemon needs to start one. */
const WATCHED_LONG = 4

/** Where acts are done. */
export interface Place {
  readonly site: Site
  /** Peers for later acts; undefined where each act has a new peer, as with messages: what became of them is known once it is removed. */
  readonly spares: SparePeers | undefined
}

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

/** A peer for an act, and how many acts it has had. */
interface PeerForAct {
  readonly peer: DrillPeer
  readonly acts: number
}

/** Starts a peer, which then waits for the act. */
async function newPeer(site: Site, step: Step): Promise<PeerForAct> {
  const peer = await startDrillPeer(site, `p${step.number}`, step.isRestarted)
  // With messages, the wait is a part of the act.
  if (!site.hasMail) await sleep(step.delayMs)
  return { peer, acts: 0 }
}

/** Keeps a peer that runs for a later act, under its present name and with its present run. @returns whether it is kept */
async function keepForLater(
  { peer, acts }: PeerForAct,
  now: { readonly name: string; readonly generation: Generation; readonly step: Step },
  spares: SparePeers | undefined,
): Promise<boolean> {
  if (spares === undefined) return false
  const { name, generation, step } = now
  const entry = name === peer.name ? peer.entry : await getPeerNamed(peer.site, name)
  const present = { ...peer, name, entry, identity: identityOf(name), generation }
  return spares.keep({ peer: present, acts: acts + 1, step })
}

/**
 * Does one act on a peer that has no other act at the time, and checks what follows. A peer that runs then, as it must, is kept for a
 * later act. Any other is removed.
 */
export async function runStep({ site, spares }: Place, step: Step, limits = LIMITS): Promise<StepResult> {
  const { isRestarted } = step
  let present = `p${step.number}`
  let last: Generation | undefined
  try {
    const taken = (await spares?.take(isRestarted, step.delayMs)) ?? (await newPeer(site, step))
    const { name } = taken.peer
    present = name
    const peer = { ...taken.peer, isWatchedLong: step.seed % WATCHED_LONG === 0 }
    last = peer.generation
    const mail = site.hasMail ? new PeerMail(site, name, randomFrom(step.seed + 1)) : undefined
    if (site.hasMail) await sleep(step.delayMs)
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
    site.processes.forget(await goneOf([peer.generation, ...seen]))
    const now = { name: present, generation: latest, step }
    const isRight = problems.length === 0 && observed.found.runs
    // Last of all: from then on, another act has the peer.
    if (!isRight || !(await keepForLater(taken, now, spares))) {
      if (!(await removeDrillPeer(site, present, latest)))
        problems.push({ kind: 'leftover', what: `a process of ${identity} did not exit` })
      problems.push(...((await mail?.problems()) ?? []))
      // A drill of many thousand acts would fill the disk with them.
      if (problems.length === 0) await removePrivateDirectory(peer.entry.home)
    }
    const { recordMs, recoveryMs } = observed
    return { step, identity, gen, problems, recordMs, recoveryMs, allowed }
  } catch (error) {
    const problems: Problem[] = [{ kind: 'failed', what: textOf(error) }]
    await removeDrillPeer(site, present, last).catch((other: unknown) => {
      problems.push({ kind: 'leftover', what: `the peer was not removed: ${textOf(other)}` })
    })
    return failure(step, present, { problems, last })
  }
}
