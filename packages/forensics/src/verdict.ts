import type { ExitRecord } from './exit-record.ts'
import type { Fact, FactName } from './fact.ts'
import { cgroupFacts, killsWereCounted } from './facts/cgroup.ts'
import { contextFacts } from './facts/context.ts'
import { darwinFacts } from './facts/darwin.ts'
import { kernelFacts } from './facts/kernel.ts'
import { logLines } from './facts/logs.ts'
import { recordFacts } from './facts/record.ts'
import { signalFacts, witnessFacts } from './facts/signals.ts'
import { coreFacts, systemdAnswerFacts, systemdFacts } from './facts/systemd.ts'
import { lifetimeOf } from './lifetime.ts'
import { RULES, type Rule } from './rules.ts'
import type { Snapshot } from './snapshot.ts'
import type { Confidence, VerdictWord } from './verdict-word.ts'
import type { Killer, Witness } from './witness.ts'

/** One fact and where it was read: a section of the snapshot, `witness`, or `exits.log`. */
export interface Evidence {
  readonly section: string
  readonly fact: string
  /** It speaks against the verdict, and has cost it confidence. */
  readonly contradicts?: true
}

export interface Verdict {
  readonly verdict: VerdictWord
  readonly confidence: Confidence
  /** One sentence for a person. */
  readonly summary: string
  /** What decided, then what speaks against it, then what else was seen. */
  readonly evidence: readonly Evidence[]
  /** Who did it, where that is known for sure. */
  readonly killer?: Killer
}

/** What was found beside the line of a death. */
export interface Findings {
  readonly snapshot?: Snapshot | undefined
  readonly witness?: Witness | undefined
  /** macOS: whole report files by name, where they could still be read (`reportFiles` says which). */
  readonly reports?: ReadonlyMap<string, string> | undefined
}

function gather(record: ExitRecord, { snapshot, witness, reports }: Findings): Fact[] {
  const lifetime = lifetimeOf(record, snapshot)
  const facts = recordFacts(record, lifetime.boot)
  // A removal is noticed some time after it; the witness of a command that removed nothing is not kept.
  const meant = ['command-recorded', 'leader-removed'] as const
  const recorded = facts.some((fact) => meant.some((name) => fact.names.includes(name)))
  if (witness !== undefined) facts.push(...witnessFacts(witness, lifetime, recorded))
  if (snapshot === undefined) return facts
  // What the kernel says after a reboot is of another life.
  if (!facts.some((fact) => fact.names.includes('host-reboot'))) {
    const all = logLines(snapshot, lifetime)
    const lines = all.filter(({ position }) => position.where !== 'before')
    const kernel = kernelFacts(all, lifetime, killsWereCounted(snapshot))
    facts.push(
      ...kernel.facts,
      ...signalFacts(snapshot, lifetime, record),
      ...systemdFacts(lines, lifetime),
      ...systemdAnswerFacts(snapshot),
      ...coreFacts(snapshot, lifetime),
      ...darwinFacts(snapshot, lifetime, { lines, bodies: reports ?? new Map() }),
      ...cgroupFacts(snapshot, lifetime, kernel.others),
    )
  }
  return [...facts, ...contextFacts(snapshot)]
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

/** The facts that a rule rests on: of several with one name a certain one is enough. */
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
  }
  for (const fact of facts) Object.assign(values, fact.values)
  // A command may hold anything, of several lines too.
  return rule.says.replace(/\{(\w+)\}/g, (_all, word: string) =>
    (values[word] ?? '?').replace(/\p{Cc}+/gu, ' '),
  )
}

/** What decided, the line itself, what speaks against it, then the rest; each once. */
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

/** How many steps of confidence are lost: to what speaks against it, to weak facts, and to a cut snapshot. */
function stepsLost(
  rule: Rule,
  facts: { used: readonly Fact[]; against: readonly Fact[] },
  cut: boolean,
): number {
  const weak = facts.used.some((fact) => fact.weak === true)
  const said = (rule.against ?? []).filter((name) => named(facts.against, name).length > 0)
  // What a cut has taken may have said that a line without a place in time is an old one.
  return said.length + (weak ? 1 : 0) + (cut && (rule.refinable === true || weak) ? 1 : 0)
}

interface Examined {
  readonly verdict: Verdict
  /** What its cause may have in common with that of other deaths. */
  readonly shared: readonly string[]
}

/** Judges, and says what the cause of this death could share with others. */
export function examine(record: ExitRecord, findings: Findings = {}): Examined {
  const facts = gather(record, findings)
  const rule = RULES.find((one) => fits(one, facts))
  if (rule === undefined) throw new RangeError('the last rule needs nothing')
  const used = restsOn(rule, facts)
  const against = (rule.against ?? [])
    .flatMap((name) => named(facts, name))
    .filter((fact) => !used.includes(fact))
  const killer = used.find((fact) => fact.killer !== undefined)?.killer
  const cut = findings.snapshot?.complete === false
  const verdict: Verdict = {
    verdict: rule.verdict,
    confidence: lowered(rule.confidence, stepsLost(rule, { used, against }, cut)),
    summary: sentence(rule, [...named(facts, 'server'), ...used]),
    evidence: evidenceOf(used, against, facts),
    ...(killer === undefined ? {} : { killer }),
  }
  const machine = rule.verdict === 'kernel-oom' ? ['memory of the machine'] : []
  return { verdict, shared: [...used.flatMap((fact) => fact.shared ?? []), ...machine] }
}

/** Judges one death from its line and what else was found. Pure and total. */
export function judge(record: ExitRecord, findings: Findings = {}): Verdict {
  return examine(record, findings).verdict
}
