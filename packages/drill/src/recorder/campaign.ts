import { setTimeout as sleep } from 'node:timers/promises'
import { reconcile } from '@iapeer/canary'
import { mapLimit } from '@iapeer/core/async'
import type { Finding } from '../collector.ts'
import { textOf } from '../errors.ts'
import { compare, compareCount, type Problem } from '../expected.ts'
import { type PlannedAct, planActs } from '../plan.ts'
import { randomFrom } from '../random.ts'
import { observeServer } from '../servers/observe.ts'
import { type RecordedServer, startGuarded, startWatched } from '../servers/recorded-server.ts'
import { endServerSite, openServerSite, removeServerSite, type ServerSite } from '../servers/site.ts'
import { RECORDER_KINDS, type RecorderKind } from './acts/index.ts'
import { leftFiles } from './left-files.ts'
import { startReconcilers } from './reconcilers.ts'

const DELAY_MS = 50
/** How long recorders and clients may take to exit after the last death. */
const EXIT_MS = 10_000
const RECONCILE_ROUNDS = 3
const PROGRAM = ['exec sleep 1000']

/** How a campaign runs. */
export interface RecorderCampaignOptions {
  readonly acts: number
  /** Servers at a time. */
  readonly servers: number
  readonly seed: number
  /** @default all */
  readonly kinds?: readonly RecorderKind[]
}

export interface RecorderCampaignResult {
  readonly done: number
  /** The number of records. */
  readonly deaths: number
  /** How often each act was done, by its name. */
  readonly counts: Readonly<Record<string, number>>
  readonly findings: readonly Finding[]
  /** Where the files are; undefined if nothing is wrong: then they are removed. */
  readonly directory: string | undefined
}

type RecorderStep = PlannedAct<RecorderKind>

interface StepResult {
  readonly about: Omit<Finding, keyof Problem>
  readonly problems: readonly Problem[]
  /** The generations of the server, which have one death together. */
  readonly gens: ReadonlySet<string>
  readonly allowed: readonly number[]
}

const start = (site: ServerSite, identity: string, { mode }: RecorderKind): Promise<RecordedServer> =>
  mode === 'guard' ? startGuarded(site, identity, PROGRAM) : startWatched(site, identity)

/** A server without a peer is not started again. */
const NOT_RESTARTED = { isRestarted: false, hasMail: false }

async function actOn(recorded: RecordedServer, { kind, delayMs, seed }: RecorderStep) {
  await sleep(delayMs)
  const { expected, alsoAs } = await kind.act(recorded, randomFrom(seed))
  const also = alsoAs === undefined ? [] : [alsoAs]
  const problems = compare(expected, await observeServer(recorded, { also }), NOT_RESTARTED)
  const gens = new Set([recorded.gen, ...also.map(({ gen }) => gen)])
  return { problems, gens, allowed: expected.records }
}

async function runStep(site: ServerSite, step: RecorderStep): Promise<StepResult> {
  const { kind, number } = step
  const identity = `${kind.mode === 'guard' ? 'guarded' : 'watched'}-n${number}`
  const about = { act: kind.name, number, identity }
  let recorded: RecordedServer | undefined
  try {
    recorded = await start(site, identity, kind)
    return { about: { ...about, gen: recorded.gen }, ...(await actOn(recorded, step)) }
  } catch (error) {
    if (recorded !== undefined) await site.processes.signal(recorded.server, 'SIGKILL')
    const problems: Problem[] = [{ kind: 'failed', what: textOf(error) }]
    return { about: { ...about, gen: undefined }, problems, gens: new Set(), allowed: [] }
  }
}

/** Returns what is wrong with an act; of its number of records, once nothing runs any more. */
function findingsOf({ about, problems, gens, allowed }: StepResult, { records }: ServerSite): Finding[] {
  const count = [...gens].reduce((sum, gen) => sum + records.countOf(gen), 0)
  const late = problems.length === 0 ? compareCount(allowed, count) : undefined
  return [...problems, ...(late === undefined ? [] : [late])].map((problem) => ({ ...problem, ...about }))
}

function countsOf(results: readonly StepResult[]): Record<string, number> {
  const counts = new Map<string, number>()
  for (const { about } of results) counts.set(about.act, (counts.get(about.act) ?? 0) + 1)
  return Object.fromEntries(counts)
}

async function runSteps(site: ServerSite, options: RecorderCampaignOptions): Promise<StepResult[]> {
  const { acts, servers, seed, kinds = RECORDER_KINDS } = options
  const steps = planActs(kinds, { count: acts, random: randomFrom(seed), delayMs: DELAY_MS })
  const reconcilers = startReconcilers(site, randomFrom(seed + 1))
  try {
    return await mapLimit(steps, servers, (step) => runStep(site, step)).finally(reconcilers.stop)
  } catch (error) {
    await endServerSite(site)
    throw error
  }
}

const leftover = (what: string): Finding => ({
  ...{ kind: 'leftover', what, act: 'end', number: undefined, identity: undefined, gen: undefined },
})

/**
 * Runs a campaign against the recorders alone: random accidents and deliberate stops of many tmux servers at a time, under guards and
 * watches, while reconcilers run and are killed. It checks that each accident is recorded once, with the right cause and a whole snapshot,
 * that no deliberate stop is recorded, and that every recorder settles and leaves no process and no file.
 */
export async function runRecorderCampaign(options: RecorderCampaignOptions): Promise<RecorderCampaignResult> {
  const site = await openServerSite('iapeer-recorder-')
  const results = await runSteps(site, options)
  for (let round = 0; round < RECONCILE_ROUNDS; round++) await reconcile(site.location)
  site.records.look()
  const findings = results.flatMap((result) => findingsOf(result, site))
  const left = [...(await endServerSite(site, EXIT_MS)), ...(await leftFiles(site))]
  findings.push(...left.map(leftover))
  if (findings.length === 0) findings.push(...(await removeServerSite(site)).map(leftover))
  return {
    ...{ done: results.length, deaths: site.records.count, counts: countsOf(results), findings },
    directory: findings.length > 0 ? site.directory : undefined,
  }
}
