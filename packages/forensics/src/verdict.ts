import type { ExitRecord } from './exit-record.ts'
import type { Fact, FactName } from './fact.ts'
import { cgroupFacts, killsWereCounted } from './facts/cgroup.ts'
import { contextFacts } from './facts/context.ts'
import { coreFacts, crashFacts } from './facts/crashes.ts'
import { darwinFacts } from './facts/darwin.ts'
import { kernelFacts } from './facts/kernel.ts'
import { logLines } from './facts/logs.ts'
import { memoryDaemonFacts } from './facts/memory-daemons.ts'
import { recordFacts } from './facts/record.ts'
import { signalFacts, witnessFacts } from './facts/signals.ts'
import { systemdAnswerFacts, systemdFacts } from './facts/systemd.ts'
import { lifetimeOf } from './lifetime.ts'
import { RULES } from './rules/index.ts'
import type { Rule } from './rules/rule.ts'
import type { Snapshot } from './snapshot.ts'
import type { Topic } from './topic.ts'
import type { Confidence, VerdictWord } from './verdict-word.ts'
import type { Killer, Witness } from './witness.ts'

/** A fact and where it was read: a section of the snapshot, `witness`, or `exits.log`. */
export interface Evidence {
  readonly section: string
  readonly fact: string
  /** The fact contradicts the verdict and has lowered its confidence. */
  readonly contradicts?: true
}

/** Why something died, and the evidence for it. */
export interface Verdict {
  readonly verdict: VerdictWord
  readonly confidence: Confidence
  /** One sentence for the user. */
  readonly summary: string
  /** What `adviceFor` gives advice about, where the verdict alone does not say it. */
  readonly topic?: Topic
  /** The facts that decided, then those that contradict the verdict, then all others. */
  readonly evidence: readonly Evidence[]
  /** The process that killed it, if it is known for certain. */
  readonly killer?: Killer
}

/** The evidence about a death besides its line in exits.log. */
export interface Findings {
  readonly snapshot?: Snapshot | undefined
  readonly witness?: Witness | undefined
  /** macOS: the complete report files that could be read, by file name (`reportFiles` returns the names). */
  readonly reports?: ReadonlyMap<string, string> | undefined
}

/**
 * Returns the facts of the kernel log; a kill for the limit of a cgroup that the log does not name gets the only one that the counters
 * name. The kernel logs the victim of each kill, but the cgroup of ten kills in five seconds at most (mm/oom_kill.c).
 */
function withLimit(facts: readonly Fact[], counted: readonly Fact[]): Fact[] {
  const [reached, ...others] = named(counted, 'cgroup-limit-reached')
  const isSure = reached?.weak !== true && reached?.shared?.length === 1 && others.length === 0
  if (reached === undefined || !isSure) return [...facts]
  const { names: _names, section: _section, text: _text, weak: _weak, ...limit } = reached
  return facts.map((fact) => {
    const isUnnamed = fact.names.includes('kernel-killed-in-cgroup') && fact.shared?.length === 0
    return isUnnamed ? { ...fact, ...limit } : fact
  })
}

function gather(record: ExitRecord, { snapshot, witness, reports }: Findings): Fact[] {
  const lifetime = lifetimeOf(record, snapshot)
  const platform = snapshot?.platform ?? 'linux'
  const facts = recordFacts(record, { boot: lifetime.boot, platform })
  // A removal is noticed later, so its witness may be older. A witness of a command that removed nothing is not kept.
  const byCommand = ['command-recorded', 'leader-removed'] as const
  const recorded = facts.some((fact) => byCommand.some((name) => fact.names.includes(name)))
  if (witness !== undefined) facts.push(...witnessFacts(witness, lifetime, recorded))
  if (snapshot === undefined) return facts
  // After a reboot, the kernel log and the counters are those of another boot.
  if (!facts.some((fact) => fact.names.includes('host-reboot'))) {
    const all = logLines(snapshot, lifetime)
    const lines = all.filter(({ position }) => position.where !== 'before')
    const kernel = kernelFacts(all, lifetime, killsWereCounted(snapshot))
    const counted = cgroupFacts(snapshot, lifetime, kernel.others)
    facts.push(
      ...withLimit(kernel.facts, counted),
      ...signalFacts(snapshot, lifetime, record),
      ...memoryDaemonFacts(lines, lifetime, record),
      ...systemdFacts(lines, lifetime, snapshot),
      ...systemdAnswerFacts(snapshot),
      ...crashFacts(lines, lifetime),
      ...coreFacts(snapshot, lifetime),
      ...darwinFacts(snapshot, lifetime, { lines, bodies: reports ?? new Map() }),
      ...counted,
    )
  }
  return [...facts, ...contextFacts(snapshot, lifetime)]
}

const STEPS: readonly Confidence[] = ['low', 'medium', 'high']
const lowered = (confidence: Confidence, steps: number): Confidence =>
  STEPS[Math.max(0, STEPS.indexOf(confidence) - steps)] ?? 'low'

const named = (facts: readonly Fact[], name: FactName): Fact[] =>
  facts.filter((fact) => fact.names.includes(name))

function fits(rule: Rule, facts: readonly Fact[]): boolean {
  const has = (name: FactName): boolean => facts.some((fact) => fact.names.includes(name))
  return rule.needs.every(has) && !(rule.unless ?? []).some(has)
}

/** Returns the facts that a rule rests on. Among facts of the same name, the weak ones count only if all are weak. */
function restsOn(rule: Rule, facts: readonly Fact[]): Fact[] {
  const used = rule.needs.flatMap((name) => {
    const all = named(facts, name)
    const certain = all.filter((fact) => fact.weak !== true)
    return certain.length > 0 ? certain : all
  })
  return [...new Set(used)]
}

function sentence(rule: Rule, facts: readonly Fact[]): string {
  const values: Record<string, string> = {
    who: facts.some((one) => one.names.includes('server')) ? 'the tmux server' : 'the agent',
    limit: '',
  }
  for (const fact of facts) Object.assign(values, fact.values)
  // A command can contain anything, even several lines.
  return rule.summary.replace(/\{(\w+)\}/g, (_all, word: string) =>
    (values[word] ?? '?').replace(/\p{Cc}+/gu, ' '),
  )
}

/** Lists each fact once: those that decided, the line of exits.log, those that contradict the verdict, then all others. */
function evidenceOf(used: readonly Fact[], against: readonly Fact[], facts: readonly Fact[]): Evidence[] {
  const isLine = (fact: Fact): boolean => fact.section === 'exits.log'
  const inOrder = [...used.filter((fact) => !isLine(fact)), ...facts.filter(isLine), ...against, ...facts]
  const evidence = new Map<string, Evidence>()
  for (const fact of inOrder) {
    const key = `${fact.section}\n${fact.text}`
    const contradicts = against.includes(fact) ? ({ contradicts: true } as const) : {}
    if (!evidence.has(key)) evidence.set(key, { section: fact.section, fact: fact.text, ...contradicts })
  }
  return [...evidence.values()]
}

/** Returns how many steps the confidence loses to contradicting facts, weak facts, and a truncated snapshot. */
function stepsLost(
  rule: Rule,
  facts: { used: readonly Fact[]; against: readonly Fact[] },
  isTruncated: boolean,
): number {
  const weak = facts.used.some((fact) => fact.weak === true)
  const contradicting = (rule.against ?? []).filter((name) => named(facts.against, name).length > 0)
  // The missing part can hold what shows that a line without a time is old.
  const missing = isTruncated && (rule.refinable === true || weak)
  return contradicting.length + (weak ? 1 : 0) + (missing ? 1 : 0)
}

interface Examined {
  readonly verdict: Verdict
  /** Causes that other deaths can share. */
  readonly shared: readonly string[]
}

/** Judges one death, and returns the causes that other deaths can share. */
export function examine(record: ExitRecord, findings: Findings = {}): Examined {
  const facts = gather(record, findings)
  const rule = RULES.find((one) => fits(one, facts))
  if (rule === undefined) throw new RangeError('the last rule needs nothing')
  const used = restsOn(rule, facts)
  const against = (rule.against ?? [])
    .flatMap((name) => named(facts, name))
    .filter((fact) => !used.includes(fact))
  const killer = used.find((fact) => fact.killer !== undefined)?.killer
  const topic = rule.topic ?? used.find((fact) => fact.topic !== undefined)?.topic
  const isTruncated = findings.snapshot?.complete === false
  const verdict: Verdict = {
    verdict: rule.verdict,
    confidence: lowered(rule.confidence, stepsLost(rule, { used, against }, isTruncated)),
    summary: sentence(rule, [...named(facts, 'server'), ...used]),
    evidence: evidenceOf(used, against, facts),
    ...(topic === undefined ? {} : { topic }),
    ...(killer === undefined ? {} : { killer }),
  }
  const machine = rule.verdict === 'kernel-oom' ? ['memory of the machine'] : []
  return { verdict, shared: [...used.flatMap((fact) => fact.shared ?? []), ...machine] }
}

/** Judges one death from its line and the other evidence. Pure; accepts any input and never throws. */
export function judge(record: ExitRecord, findings: Findings = {}): Verdict {
  return examine(record, findings).verdict
}
