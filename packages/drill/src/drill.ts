import { reconcile } from '@iapeer/canary'
import { IapeerError } from '@iapeer/core/errors'
import { rootRecordLocation } from '@iapeer/core/paths'
import { runControl } from './control.ts'
import type { Problem, ProblemKind } from './expected.ts'
import { KINDS, type Kind } from './kinds/index.ts'
import { plan } from './plan.ts'
import { assertRoom } from './room.ts'
import { closeSite, openSite, type Site } from './site.ts'
import { runStep, type StepResult } from './step.ts'

/** How a drill runs. */
export interface DrillOptions {
  /** The program of the daemon: a script of Node.js. */
  readonly daemonProgram: string
  readonly count: number
  /** Peers at a time. */
  readonly concurrency: number
  readonly seed: number
  /** Names of kinds. @default all */
  readonly kinds?: readonly string[] | undefined
  /** Keeps the files also if nothing is wrong. @default false */
  readonly keep?: boolean | undefined
  /** Ends the drill: acts in progress are finished, and everything is removed. */
  readonly signal?: AbortSignal | undefined
  readonly onStep?: (result: StepResult, done: number) => void
}

/** What was done of one kind. */
export interface KindResult {
  readonly name: string
  readonly title: string
  readonly done: number
  readonly wrong: number
  /** In milliseconds, unsorted. */
  readonly recordMs: readonly number[]
  readonly recoveryMs: readonly number[]
}

/** Something that is wrong, and where to look. */
export interface Finding extends Problem {
  readonly act: string
  readonly number: number | undefined
  readonly identity: string | undefined
  readonly gen: string | undefined
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

/** Collects the results, so that no result is kept longer than it is needed. */
class Collector {
  readonly #kinds = new Map<
    string,
    { done: number; wrong: number; recordMs: number[]; recoveryMs: number[] }
  >()
  readonly findings: Finding[] = []
  /** By generation. */
  readonly allowed = new Map<string, { readonly result: Finding; readonly counts: readonly number[] }>()
  done = 0

  add({ step, identity, gen, problems, recordMs, recoveryMs, allowed }: StepResult): void {
    this.done++
    const { number, kind } = step
    const known = this.#kinds.get(kind.name) ?? { done: 0, wrong: 0, recordMs: [], recoveryMs: [] }
    this.#kinds.set(kind.name, known)
    known.done++
    if (problems.length > 0) known.wrong++
    if (recordMs !== undefined) known.recordMs.push(recordMs)
    if (recoveryMs !== undefined) known.recoveryMs.push(recoveryMs)
    this.note({ step, identity, gen, problems })
    const about = { act: kind.name, number, identity, gen }
    for (const [of, counts] of allowed)
      this.allowed.set(of, { counts, result: { kind: 'twice', what: '', ...about, gen: of } })
  }

  /** Takes what is wrong with an act that is not counted: one of the control. */
  note({ step, identity, gen, problems }: Pick<StepResult, 'step' | 'identity' | 'gen' | 'problems'>): void {
    const about = { act: step.kind.name, number: step.number, identity, gen }
    this.findings.push(...problems.map((problem) => ({ ...problem, ...about })))
  }

  /** Compares the number of records of each generation with what is allowed, once nothing runs any more. */
  recount(countOf: (gen: string) => number): void {
    const reported = new Set(this.findings.flatMap(({ gen }) => gen ?? []))
    for (const [gen, { counts, result }] of this.allowed) {
      const count = countOf(gen)
      if (counts.includes(count) || reported.has(gen)) continue
      const kind = count === 0 ? 'missed' : counts.includes(1) ? 'twice' : 'false-record'
      this.findings.push({ ...result, kind, what: `${count} deaths are recorded in the end` })
    }
  }

  results(kinds: readonly Kind[]): KindResult[] {
    return kinds.flatMap(({ name, title }) => {
      const known = this.#kinds.get(name)
      return known === undefined ? [] : [{ name, title, ...known }]
    })
  }
}

async function runSteps(site: Site, kinds: readonly Kind[], options: DrillOptions, collector: Collector) {
  const { count, seed, concurrency, signal, onStep } = options
  const steps = plan(kinds, count, seed)
  const work = async (): Promise<void> => {
    for (const step of steps) {
      if (signal?.aborted === true) return
      const result = await runStep(site, step)
      collector.add(result)
      onStep?.(result, collector.done)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, work))
}

/**
 * Runs a drill: in a private root it causes accidents and deliberate stops, and checks that each accident is recorded once, with the
 * right cause and verdict, that no deliberate act is recorded, and that each peer is afterwards in the state that its profile says.
 * A control runs first: a recorder that is disabled must be found.
 * @throws IapeerError `usage` for an unknown kind, `drill-failed`
 */
export async function runDrill(options: DrillOptions): Promise<DrillResult> {
  const begun = performance.now()
  const { seed, count, concurrency, keep = false, daemonProgram, signal } = options
  const chosen = chosenKinds(options.kinds)
  await assertRoom(concurrency)
  const refused = await Promise.all(chosen.map(async (kind) => ({ kind, why: await kind.refusal?.() })))
  const kinds = refused.flatMap(({ kind, why }) => (why === undefined ? [kind] : []))
  const skipped = refused.flatMap(({ kind, why }) => (why === undefined ? [] : [{ name: kind.name, why }]))
  const site = await openSite(daemonProgram, concurrency)
  const collector = new Collector()
  let control: ReadonlyMap<string, readonly ProblemKind[]> = new Map()
  let isControlRed = false
  let isKept = keep
  try {
    await site.daemon.start()
    const controlled = await runControl(site)
    ;({ found: control, isRed: isControlRed } = controlled)
    for (const result of controlled.failed) collector.note(result)
    if (isControlRed) await runSteps(site, kinds, options, collector)
    for (let round = 0; round < 2; round++) await reconcile(rootRecordLocation(site.root))
    site.records.look()
    collector.recount((gen) => site.records.countOf(gen))
    isKept = keep || collector.findings.length > 0 || !isControlRed
  } finally {
    const left = await closeSite(site, isKept)
    for (const what of left)
      collector.findings.push({
        ...{ kind: 'leftover', what, act: 'end', number: undefined, identity: undefined, gen: undefined },
      })
  }
  return {
    ...{ seed, count, done: collector.done, isInterrupted: signal?.aborted === true, control, isControlRed },
    ...{ kinds: collector.results(kinds), skipped, findings: collector.findings },
    directory: isKept ? site.directory : undefined,
    ms: performance.now() - begun,
  }
}
