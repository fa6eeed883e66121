import type { FactName } from '../fact.ts'
import type { Topic } from '../topic.ts'
import type { Confidence, VerdictWord } from '../verdict-word.ts'

/** One row of the verdict table: the facts that lead to a verdict. */
export interface Rule {
  readonly name: string
  readonly verdict: VerdictWord
  /** The confidence when every fact is certain and no fact contradicts the verdict. */
  readonly confidence: Confidence
  /** The rule applies only if all of these facts are present. */
  readonly needs: readonly FactName[]
  /** The rule does not apply if one of these facts is present. */
  readonly unless?: readonly FactName[]
  /** Facts that contradict the verdict: each one lowers the confidence by one step and is shown. */
  readonly against?: readonly FactName[]
  /** More evidence could lead to another verdict, so a truncated snapshot lowers the confidence by one step. */
  readonly refinable?: boolean
  /** What the advice is about, if the verdict alone does not say it. */
  readonly topic?: Topic
  /** The sentence that the user reads. `{who}` is what died; the facts supply the other values. */
  readonly summary: string
}

/** Facts that the kernel killed the process, which contradict another cause. */
export const NAMED_BY_KERNEL: readonly FactName[] = [
  'kernel-killed-in-cgroup',
  'kernel-killed-for-memory',
  'kernel-killed',
  'jetsam-kill',
]
