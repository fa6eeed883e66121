import type { Fact } from '../fact.ts'
import type { Lifetime, Position } from '../lifetime.ts'
import { type OtherKills, spoken } from './cgroup.ts'
import { ofKernel, type PositionedLine } from './logs.ts'

/** A process that the kernel says it killed for memory. */
interface Victim {
  readonly pid: number
  readonly command: string
  /** `cgroup`: a limit was reached. `machine`: the memory of all. */
  readonly scope: 'cgroup' | 'machine' | 'unknown'
  /** The cgroup whose limit was reached, and the one that the process was in. */
  readonly limited?: string | undefined
  readonly home?: string | undefined
  readonly position: Position
  readonly section: string
  readonly text: string
}

type Scope = Pick<Victim, 'scope' | 'limited' | 'home'>

/** 5.0 and later: one line says it all. What a process calls itself may look like the fields behind it: the last ones count. */
const OOM_KILL =
  /^oom-kill:constraint=(CONSTRAINT_[A-Z_]+),.*?(?:oom_memcg=([^,]*),)?task_memcg=([^,]*),task=(.*),pid=(\d{1,10}),uid=/
/** Before: the choice (`Kill process`, it may still be a child that dies), and then who was killed. */
const CHOICE = /^(Memory cgroup out of memory|Out of memory)[^:]{0,40}: Kill process \d+ /
const LIMIT_OF = /^Task in (\S+) killed as a result of limit of (\S+)/
const KILLED =
  /^(?:(Memory cgroup out of memory|Out of memory)[^:]{0,40}: )?Killed process (\d{1,10})(?:, UID \d+,)? \((.*?)\)(?:,? |$)/
const REAPED = /^oom_reaper: reaped process (\d{1,10}) \((.*?)\)/
/** x86, arm64, powerpc, riscv; the kernel says it only of signals that nobody handled. */
const FAULT =
  /^(?:traps: )?(.{1,16})\[(\d{1,10})\]:? ((?:segfault (?:\(\d+\) )?at|trap |general protection|unhandled ).*)/

const scopeOf = (words: string | undefined): Victim['scope'] =>
  words === undefined ? 'unknown' : words.startsWith('Memory cgroup') ? 'cgroup' : 'machine'

function ofOomKill(line: PositionedLine): Victim | undefined {
  const [, constraint, limited, home, command = '', pid] = OOM_KILL.exec(line.message) ?? []
  if (pid === undefined) return undefined
  const scope = constraint === 'CONSTRAINT_MEMCG' ? 'cgroup' : 'machine'
  const { position, section, message: text } = line
  return { pid: Number(pid), command, scope, limited, home, position, section, text }
}

function ofKilled(line: PositionedLine, before: Scope | undefined): Victim | undefined {
  const [, words, pid, command = ''] = KILLED.exec(line.message) ?? []
  const { position, section, message: text } = line
  if (pid !== undefined) {
    const scope = words === undefined ? (before?.scope ?? 'unknown') : scopeOf(words)
    return { ...before, pid: Number(pid), command, scope, position, section, text }
  }
  const [, reaped, name = ''] = REAPED.exec(line.message) ?? []
  if (reaped === undefined) return undefined
  return { pid: Number(reaped), command: name, scope: 'unknown', position, section, text }
}

/** What a line says of the kill that comes next. */
function announced(message: string, before: Scope | undefined): Scope | undefined {
  const [, home, limited] = LIMIT_OF.exec(message) ?? []
  if (limited !== undefined) return { scope: 'cgroup', limited, home }
  const [, words] = CHOICE.exec(message) ?? []
  return words === undefined ? before : { ...before, scope: scopeOf(words) }
}

/** Whom the kernel killed for memory in this life, each once, with all that is said of it. */
function victims(lines: readonly PositionedLine[]): Victim[] {
  const found = new Map<number, Victim>()
  let before: Scope | undefined
  for (const line of lines) {
    if (!ofKernel(line)) continue
    before = announced(line.message, before)
    const victim = ofOomKill(line) ?? ofKilled(line, before)
    if (victim === undefined) continue
    const known = found.get(victim.pid)
    const best = known !== undefined && known.scope !== 'unknown' ? known.scope : victim.scope
    // The later line is the plainer one, and says that it has happened.
    const text = REAPED.test(victim.text) && known !== undefined ? known.text : victim.text
    const limited = known?.limited ?? victim.limited
    const home = known?.home ?? victim.home
    found.set(victim.pid, { ...victim, scope: best, limited, home, text })
    if (!OOM_KILL.test(line.message)) before = undefined
  }
  return [...found.values()]
}

/** A pid may have been somebody else's in a container's own numbering: a tmux server is called tmux. */
const fits = (lifetime: Lifetime, pid: number, command: string): boolean =>
  pid === lifetime.pid && (lifetime.subject === 'agent' || /^tmux/i.test(command))

/** With a pid of another numbering: that of a server is told by its name, an agent may be called anything. */
const mayBeOurs = (lifetime: Lifetime, { command }: Victim): boolean =>
  lifetime.subject === 'agent' || /^tmux/i.test(command)

const within = (path: string | undefined, home: string | undefined): boolean =>
  path !== undefined && home !== undefined && (path === '/' || home === path || home.startsWith(`${path}/`))

/** Some builds of tmux give each pane a scope of its own, beside that of the server. */
const PANE_SCOPE = /\/tmux-spawn-[\w-]+\.scope$/

/** Whether it was in another cgroup than ours: it has moved, or is a process of another numbering with the same pid. */
function isElsewhere({ home }: Victim, homes: readonly (string | undefined)[]): boolean {
  const known = homes.filter((path) => path !== undefined)
  return home !== undefined && known.length > 0 && !known.some((path) => within(path, home))
}

function killedFact(victim: Victim, isCounted: boolean, isStranger: boolean): Fact {
  const { where } = victim.position
  const names = {
    cgroup: ['kernel-killed-in-cgroup'],
    machine: ['kernel-killed-for-memory'],
    unknown: ['kernel-killed'],
  } as const
  return {
    names: names[victim.scope],
    section: victim.section,
    text: victim.text,
    weak: isStranger || where === 'before' || (where === 'unknown' && !isCounted),
    values: { cgroup: victim.limited === undefined ? 'its cgroup' : spoken(victim.limited) },
    shared: victim.limited === undefined ? [] : [`limit of ${victim.limited}`],
  }
}

function outsideFacts({ section, home, pid }: Victim, isOutside: boolean): Fact[] {
  const text = `pid ${pid} was killed in the cgroup ${home}, and its server was armed in another`
  return isOutside ? [{ names: ['context'], section, text }] : []
}

/** A process of the same cgroup, which may have been a child of ours. */
function anotherFact(victim: Victim, homes: readonly (string | undefined)[]): Fact {
  const { section, text, limited, command, position } = victim
  // A limit on what holds us too; one of a part of the machine that only holds others is none of ours.
  const isOurLimit = limited !== '/' && homes.some((home) => within(limited, home))
  const isNamed = isOurLimit && position.where === 'near'
  return {
    names: ['kernel-killed-another', ...(isNamed ? (['cgroup-killed-another'] as const) : [])],
    section,
    text,
    values: { child: command, cgroup: limited === undefined ? 'its cgroup' : spoken(limited) },
    shared: limited === undefined ? [] : [`limit of ${limited}`],
  }
}

/** The kernel's line is written while the process dies. */
const AT_ONCE_MS = 2_000

export interface KernelFacts {
  readonly facts: readonly Fact[]
  readonly others: OtherKills
}

/**
 * What the kernel says of the process, and of others of its cgroup.
 * @param isCounted whether the counters say that the kernel has killed for memory in this life: then a line that names the
 * process holds, though it has no time, or one that a sleep of the machine has put back
 */
export function kernelFacts(
  all: readonly PositionedLine[],
  lifetime: Lifetime,
  isCounted: boolean,
): KernelFacts {
  const lines = all.filter((line) => line.position.where !== 'before')
  const facts: Fact[] = []
  const others = { certain: 0, possible: 0, isNear: false, isElsewhere: false }
  const homes = [lifetime.cgroups.v2, lifetime.cgroups.v1]
  for (const victim of victims(isCounted ? all : lines)) {
    others.isNear ||= victim.position.where === 'near'
    if (fits(lifetime, victim.pid, victim.command)) {
      const inPaneScope = lifetime.subject === 'agent' && PANE_SCOPE.test(victim.home ?? '')
      const isOutside = isElsewhere(victim, homes)
      others.isElsewhere ||= isOutside
      facts.push(killedFact(victim, isCounted, isOutside && !inPaneScope), ...outsideFacts(victim, isOutside))
      continue
    }
    if (victim.position.where === 'before') continue
    const inOurs = victim.home === undefined || homes.some((home) => within(home, victim.home))
    const { section, text, position } = victim
    const atOnce = Math.abs(position.agoMs ?? 0) <= AT_ONCE_MS
    facts.push(
      inOurs && atOnce
        ? anotherFact(victim, homes)
        : { names: ['context'], section, text: `of another process: ${text}` },
    )
    if (!inOurs || (atOnce && mayBeOurs(lifetime, victim))) continue
    const isCertain = homes.some((home) => home !== '/' && within(home, victim.home))
    others[isCertain ? 'certain' : 'possible']++
  }
  for (const line of lines.filter(ofKernel)) {
    const [, command = '', pid] = FAULT.exec(line.message) ?? []
    if (pid === undefined) continue
    const { section, message: text, position } = line
    if (fits(lifetime, Number(pid), command))
      facts.push({ names: ['kernel-fault'], section, text, weak: position.where === 'unknown' })
    else if (position.where === 'near')
      facts.push({ names: ['context'], section, text: `of another process: ${text}` })
  }
  return { facts, others }
}
