import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { reconcile } from '@iapeer/canary'
import { IapeerError } from '@iapeer/core/errors'
import { rootLayout, rootRecordLocation } from '@iapeer/core/paths'
import { prepareForKill } from './after-kill.ts'
import { Collector, type Finding, type KindResult } from './collector.ts'
import { runControl } from './control.ts'
import type { ProblemKind } from './expected.ts'
import { KINDS, type Kind } from './kinds/index.ts'
import { notifiedTwice } from './notified-deaths.ts'
import { oneAtATime } from './one-at-a-time.ts'
import { plan, type Step } from './plan.ts'
import { inTemporary, privateDirectoryName, removePrivateDirectory } from './private-directory.ts'
import { assertRoom } from './room.ts'
import { closeSite, openSite, type Site, withoutSettings } from './site.ts'
import { SparePeers } from './spare-peers.ts'
import { type Place, runStep, type StepResult } from './step.ts'

/** How a drill runs. */
export interface DrillOptions {
  /** The program of the daemon: a script of Node.js. */
  readonly daemonProgram: string
  /** The program of the command `iapeer`, which ends what a drill has started that is killed. @default nothing ends it */
  readonly cliProgram?: string | undefined
  readonly count: number
  /** Peers at a time. */
  readonly concurrency: number
  readonly seed: number
  /** Names of kinds. @default all */
  readonly kinds?: readonly string[] | undefined
  /** Also sends messages to the peers. @default false */
  readonly mail?: boolean | undefined
  /** Keeps the files also if nothing is wrong. @default false */
  readonly keep?: boolean | undefined
  /** Ends the drill: acts in progress are finished, and everything is removed. */
  readonly signal?: AbortSignal | undefined
  readonly onStep?: (result: StepResult, done: number) => void
}

export interface DrillResult {
  readonly seed: number
  readonly count: number
  readonly done: number
  readonly isInterrupted: boolean
  /** Whether a disabled recorder and an undeclared stop were found to be wrong: if not, the drill proves nothing. */
  readonly control: ReadonlyMap<string, readonly ProblemKind[]>
  readonly isControlRed: boolean
  readonly kinds: readonly KindResult[]
  readonly skipped: readonly { readonly name: string; readonly why: string }[]
  readonly findings: readonly Finding[]
  /** Where the files are, if they were kept. */
  readonly directory: string | undefined
  readonly ms: number
}

function chosenKinds(names: readonly string[] | undefined): readonly Kind[] {
  if (names === undefined || names.length === 0) return KINDS
  const unknown = names.filter((name) => !KINDS.some((kind) => kind.name === name))
  if (unknown.length > 0)
    throw new IapeerError(`no such kind: ${unknown.join(', ')}`, {
      code: 'usage',
      hint: `The kinds are: ${KINDS.map(({ name }) => name).join(', ')}`,
    })
  return KINDS.filter(({ name }) => names.includes(name))
}

/** The roots of a drill: the second one is on a small disk. */
interface Places {
  readonly main: Place
  readonly small: Place | undefined
}

async function runSteps(
  places: Places,
  kinds: readonly Kind[],
  options: DrillOptions,
  collector: Collector,
): Promise<void> {
  const { count, seed, concurrency, signal, onStep } = options
  const steps = plan(kinds, count, seed)
  const onSmallDisk = oneAtATime()
  const run = (step: Step): Promise<StepResult> => {
    const { small } = places
    if (step.kind.isOnSmallDisk !== true || small === undefined) return runStep(places.main, step)
    // The act of one fills the disk of all.
    return onSmallDisk(() => runStep(small, step))
  }
  const work = async (): Promise<void> => {
    for (const step of steps) {
      if (signal?.aborted === true) return
      const result = await run(step)
      collector.add(result)
      onStep?.(result, collector.done)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, work))
}

/** Opens the roots that the kinds need, in directories of the drill's. */
async function openPlaces(directory: string, kinds: readonly Kind[], options: DrillOptions): Promise<Places> {
  const { daemonProgram, concurrency, mail: hasMail = false } = options
  const open = async (name: string, isOnSmallDisk: boolean): Promise<Place> => ({
    site: await openSite({
      daemonProgram,
      concurrency,
      hasMail,
      isOnSmallDisk,
      directory: join(directory, name),
    }),
    spares: hasMail ? undefined : new SparePeers(concurrency),
  })
  const main = await open('1', false)
  if (!kinds.some(({ isOnSmallDisk }) => isOnSmallDisk)) return { main, small: undefined }
  try {
    return { main, small: await open('2', true) }
  } catch (error) {
    await closeSite(main.site, false)
    throw error
  }
}

/** Reads what was recorded in the end, once nothing runs any more, and compares the numbers of records. */
async function recount(sites: readonly Site[], collector: Collector): Promise<void> {
  for (const site of sites) {
    for (const gen of site.daemon.cutOff) collector.known.add(gen)
    for (let round = 0; round < 2; round++) await reconcile(rootRecordLocation(site.root))
    site.records.look()
  }
  const countOf = (gen: string): number => sites.reduce((sum, { records }) => sum + records.countOf(gen), 0)
  collector.recount(
    countOf,
    sites.flatMap(({ records }) => records.generations),
  )
  for (const { root } of sites)
    collector.noteNotifiedTwice(notifiedTwice(rootLayout(root).records.lifecycleLog))
}

/** Closes the roots. */
async function closeSites(sites: readonly Site[], keep: boolean, collector: Collector): Promise<void> {
  for (const site of sites) collector.noteLeftovers(await closeSite(site, keep))
}

type Unplaced = Omit<DrillResult, 'directory' | 'ms'>

/** Runs a drill in a directory, in which its files are left. */
async function drillIn(directory: string, chosen: readonly Kind[], options: DrillOptions): Promise<Unplaced> {
  const { seed, count, keep = false, signal } = options
  const refused: { readonly kind: Kind; readonly why: string | undefined }[] = []
  for (const kind of chosen) refused.push({ kind, why: await kind.refusal?.(directory) })
  const kinds = refused.flatMap(({ kind, why }) => (why === undefined ? [kind] : []))
  const skipped = refused.flatMap(({ kind, why }) => (why === undefined ? [] : [{ name: kind.name, why }]))
  const places = await openPlaces(directory, kinds, options)
  const used = [places.main, ...(places.small === undefined ? [] : [places.small])]
  const all = used.map(({ site }) => site)
  const collector = new Collector()
  let control: ReadonlyMap<string, readonly ProblemKind[]> = new Map()
  let isControlRed = false
  let isKept = keep
  try {
    for (const site of all) await site.daemon.start()
    const controlled = await runControl(places.main.site)
    ;({ found: control, isRed: isControlRed } = controlled)
    for (const result of controlled.failed) collector.note(result)
    for (const gen of controlled.generations) collector.known.add(gen)
    if (isControlRed) await runSteps(places, kinds, options, collector)
    for (const { spares } of used) {
      collector.noteLeftovers((await spares?.removeAll()) ?? [])
      for (const problem of spares?.problems ?? []) collector.note(problem)
    }
    await recount(all, collector)
    isKept = keep || collector.findings.length > 0 || !isControlRed
  } finally {
    await closeSites(all, isKept, collector)
  }
  return {
    ...{ seed, count, done: collector.done, isInterrupted: signal?.aborted === true, control, isControlRed },
    ...{ kinds: collector.results(kinds), skipped, findings: collector.findings },
  }
}

/**
 * Runs a drill: in a private root it causes accidents and deliberate stops, and checks that each accident is recorded once, with the
 * right cause and verdict, that no deliberate act is recorded, and that each peer is afterwards in the state that its profile says.
 * A control runs first: a recorder that is disabled must be found.
 * @throws IapeerError `usage` for an unknown kind, `drill-failed`, `drill-too-large`, `temporary-directory-unusable`
 */
export async function runDrill(options: DrillOptions): Promise<DrillResult> {
  const begun = performance.now()
  const { cliProgram: cli, keep = false } = options
  const chosen = chosenKinds(options.kinds)
  const directory = privateDirectoryName('iapeer-drill-')
  await assertRoom(options, dirname(directory))
  const afterKill =
    cli === undefined ? undefined : await prepareForKill({ cli, directory, env: withoutSettings() })
  let isKept = keep
  try {
    await inTemporary(mkdir(directory, { mode: 0o700 }))
    const result = await drillIn(directory, chosen, options)
    isKept ||= result.findings.length > 0 || !result.isControlRed
    return { ...result, directory: isKept ? directory : undefined, ms: performance.now() - begun }
  } finally {
    if (!isKept) await removePrivateDirectory(directory)
    afterKill?.dismiss()
  }
}
