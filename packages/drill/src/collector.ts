import { compareCount, type Problem } from './expected.ts'
import type { Kind } from './kinds/index.ts'
import { ownText } from './own-text.ts'
import type { StepResult } from './step.ts'

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

/** Collects the results, so that no result is kept longer than it is needed. */
export class Collector {
  readonly #kinds = new Map<
    string,
    { done: number; wrong: number; recordMs: number[]; recoveryMs: number[] }
  >()
  readonly findings: Finding[] = []
  /** Generations that may have any number of records: those of the control, and those that a killed daemon was stopping. */
  readonly known = new Set<string>()
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
    for (const [of, counts] of allowed) {
      const about = { act: kind.name, number, identity: ownText(identity), gen: ownText(of) }
      this.allowed.set(about.gen, { counts, result: { kind: 'twice', what: '', ...about } })
    }
  }

  /** Takes what is wrong with an act that is not counted: one of the control. */
  note({ step, identity, gen, problems }: Pick<StepResult, 'step' | 'identity' | 'gen' | 'problems'>): void {
    const about = { act: step.kind.name, number: step.number, identity, gen }
    this.findings.push(...problems.map((problem) => ({ ...problem, ...about })))
  }

  /** Takes what is left over at the end, in words. */
  noteLeftovers(left: readonly string[]): void {
    const about = { act: 'end', number: undefined, identity: undefined, gen: undefined }
    this.findings.push(...left.map((what) => ({ kind: 'leftover' as const, what, ...about })))
  }

  /**
   * Compares the number of records of each generation with what is allowed, once nothing runs any more. A record of another generation is
   * wrong, unless an act failed whose runs are not known.
   * @param recorded the generations that have records
   */
  recount(countOf: (gen: string) => number, recorded: readonly string[]): void {
    const reported = new Set(this.findings.flatMap(({ gen }) => gen ?? []))
    for (const [gen, { counts, result }] of this.allowed) {
      const problem = compareCount(counts, countOf(gen))
      if (problem !== undefined && !reported.has(gen) && !this.known.has(gen))
        this.findings.push({ ...result, ...problem })
    }
    if (this.findings.some(({ kind }) => kind === 'failed')) return
    for (const gen of recorded.filter((one) => !this.allowed.has(one) && !this.known.has(one)))
      this.findings.push({
        ...{
          kind: 'false-record',
          what: `a death is recorded of ${gen ? `generation ${gen}` : 'no generation'}, which no act was about`,
        },
        ...{ act: 'end', number: undefined, identity: undefined, gen: undefined },
      })
  }

  /** Takes the generations whose death was notified more than once. */
  noteNotifiedTwice(gens: readonly string[]): void {
    for (const gen of gens) {
      const about = this.allowed.get(gen)?.result ?? {
        act: 'end',
        number: undefined,
        identity: undefined,
        gen,
      }
      this.findings.push({
        ...about,
        kind: 'notified-twice',
        what: `its death was notified more than once (${gen})`,
      })
    }
  }

  results(kinds: readonly Kind[]): KindResult[] {
    return kinds.flatMap(({ name, title }) => {
      const known = this.#kinds.get(name)
      return known === undefined ? [] : [{ name, title, ...known }]
    })
  }
}
