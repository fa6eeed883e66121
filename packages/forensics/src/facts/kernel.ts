import type { Fact, FactName } from '../fact.ts'
import type { Lifetime, Position } from '../lifetime.ts'
import { limitedBy, type OtherKills } from './cgroup.ts'
import { isFromKernel, type PositionedLine } from './logs.ts'
import { mayBePaneScope } from './units.ts'

/** A process that the kernel logged as killed by its OOM killer. */
interface Victim {
  readonly pid: number
  readonly command: string
  /** `cgroup`: a cgroup was at its memory limit. `machine`: the machine was out of memory. */
  readonly scope: 'cgroup' | 'machine' | 'unknown'
  /** The cgroup whose limit was reached. */
  readonly limited?: string | undefined
  /** The cgroup that the process was in. */
  readonly home?: string | undefined
  readonly position: Position
  /** Whether a journal noted the time: dmesg, also with dates, counts with a clock that stops while the machine sleeps. */
  readonly isWallTime: boolean
  readonly section: string
  readonly text: string
}

type Scope = Pick<Victim, 'scope' | 'limited' | 'home'>

/** Linux 5.0 and later: one line with all fields. The task name can imitate the fields after it, so the last match counts. */
const OOM_KILL =
  /^oom-kill:constraint=(CONSTRAINT_[A-Z_]+),.*?(?:oom_memcg=([^,]*),)?task_memcg=([^,]*),task=(.*),pid=(\d{1,10}),uid=/
/** Earlier kernels log the choice (`Kill process`; the kernel may then kill a child of it) before the killed process. */
const CHOICE = /^(Memory cgroup out of memory|Out of memory)[^:]{0,40}: Kill process \d+ /
const LIMIT_OF = /^Task in (\S+) killed as a result of limit of (\S+)/
const KILLED =
  /^(?:(Memory cgroup out of memory|Out of memory)[^:]{0,40}: )?Killed process (\d{1,10})(?:, UID \d+,)? \((.*?)\)(?:,? |$)/
const REAPED = /^oom_reaper: reaped process (\d{1,10}) \((.*?)\)/
const scopeOf = (words: string | undefined): Victim['scope'] =>
  words === undefined ? 'unknown' : words.startsWith('Memory cgroup') ? 'cgroup' : 'machine'

function placeOf(line: PositionedLine): Pick<Victim, 'position' | 'isWallTime' | 'section' | 'text'> {
  const { position, section, message: text, time, source } = line
  return { position, isWallTime: source === 'kernel' && time.kind === 'utc', section, text }
}

function ofOomKill(line: PositionedLine): Victim | undefined {
  const [, constraint, limited, home, command = '', pid] = OOM_KILL.exec(line.message) ?? []
  if (pid === undefined) return undefined
  const scope = constraint === 'CONSTRAINT_MEMCG' ? 'cgroup' : 'machine'
  return { pid: Number(pid), command, scope, limited, home, ...placeOf(line) }
}

function ofKilled(line: PositionedLine, before: Scope | undefined): Victim | undefined {
  const [, words, pid, command = ''] = KILLED.exec(line.message) ?? []
  if (pid !== undefined) {
    const scope = words === undefined ? (before?.scope ?? 'unknown') : scopeOf(words)
    return { ...before, pid: Number(pid), command, scope, ...placeOf(line) }
  }
  const [, reaped, name = ''] = REAPED.exec(line.message) ?? []
  if (reaped === undefined) return undefined
  return { pid: Number(reaped), command: name, scope: 'unknown', ...placeOf(line) }
}

/** Returns the scope of the next kill, if the line states it, else the scope that is known so far. */
function scopeAfter(message: string, before: Scope | undefined): Scope | undefined {
  const [, home, limited] = LIMIT_OF.exec(message) ?? []
  if (limited !== undefined) return { scope: 'cgroup', limited, home }
  const [, words] = CHOICE.exec(message) ?? []
  return words === undefined ? before : { ...before, scope: scopeOf(words) }
}

/** Returns each process that the OOM killer killed, once, with what all lines together say about it. */
function victims(lines: readonly PositionedLine[]): Victim[] {
  const found = new Map<number, Victim>()
  let before: Scope | undefined
  for (const line of lines) {
    if (!isFromKernel(line)) continue
    before = scopeAfter(line.message, before)
    const victim = ofOomKill(line) ?? ofKilled(line, before)
    if (victim === undefined) continue
    const known = found.get(victim.pid)
    const best = known !== undefined && known.scope !== 'unknown' ? known.scope : victim.scope
    // The later line confirms the kill and is easier to read, but oom_reaper's line says less.
    const text = REAPED.test(victim.text) && known !== undefined ? known.text : victim.text
    const limited = known?.limited ?? victim.limited
    const home = known?.home ?? victim.home
    // The clock of the kernel log stops while the machine sleeps, so the time of a journal is the better one.
    const { position, isWallTime } = known?.position.where === 'near' ? known : victim
    found.set(victim.pid, { ...victim, scope: best, limited, home, text, position, isWallTime })
    if (!OOM_KILL.test(line.message)) before = undefined
  }
  return [...found.values()]
}

/** Returns whether the line is about this process. In a container the pid can be another process's, so a server must be called tmux. */
const isSameProcess = (lifetime: Lifetime, pid: number, command: string): boolean =>
  pid === lifetime.pid && (lifetime.subject === 'agent' || /^tmux/i.test(command))

/** Returns whether the victim can be this process under another pid (of the host): a server is called tmux, an agent can have any name. */
const mayBeSameProcess = (lifetime: Lifetime, { command }: Victim): boolean =>
  lifetime.subject === 'agent' || /^tmux/i.test(command)

const lastPart = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

/** A process that the kernel killed is gone within this time, also on a machine that is short of memory. */
const GONE_MS = 60_000

/** Returns whether the kill was so long before the death that it was that of another process with this pid, as in a container. */
const isLongBefore = ({ position, isWallTime }: Victim, { bracketMs }: Lifetime): boolean =>
  isWallTime && (position.agoMs ?? 0) - bracketMs > GONE_MS

const within = (path: string | undefined, home: string | undefined): boolean =>
  path !== undefined && home !== undefined && (path === '/' || home === path || home.startsWith(`${path}/`))

/** Returns whether the victim was in another cgroup: the process moved, or it is another process with the same pid (a container). */
function isElsewhere({ home }: Victim, homes: readonly (string | undefined)[]): boolean {
  const known = homes.filter((path) => path !== undefined)
  // In a cgroup namespace, `/` is not the root that the kernel logs.
  const isIn = (path: string): boolean => (path === '/' ? home === '/' : within(path, home))
  return home !== undefined && known.length > 0 && !known.some(isIn)
}

function killedFact(
  victim: Victim,
  lifetime: Lifetime,
  doubt: { readonly isCounted: boolean; readonly isDoubtful: boolean },
): Fact {
  const { isCounted, isDoubtful } = doubt
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
    weak: isDoubtful || where === 'before' || (where === 'unknown' && !isCounted),
    ...limitedBy(victim.limited, lifetime),
    shared: victim.limited === undefined ? [] : [`limit of ${victim.limited}`],
  }
}

function outsideFacts({ section, home, pid }: Victim, isOutside: boolean): Fact[] {
  const text = `pid ${pid} was killed in the cgroup ${home}, but its server was in another one when its recorder was armed`
  return isOutside ? [{ names: ['context'], section, text }] : []
}

/** Returns the fact about another process of the same cgroup, which can have been a child of this process. */
function anotherFact(victim: Victim, lifetime: Lifetime, isPane: boolean): Fact {
  const homes = [lifetime.cgroups.v2, lifetime.cgroups.v1]
  const { section, text, limited, command, position, home, scope } = victim
  // The limit must apply to the process that is judged too: the limit of a cgroup without it does not concern it.
  const limitApplies = limited !== '/' && homes.some((home) => within(limited, home))
  const isNear = position.where === 'near'
  const names: FactName[] = ['kernel-killed-another']
  const isNamed = limitApplies && isNear
  if (isNamed) names.push('cgroup-killed-another')
  else if (scope !== 'cgroup' && isNear) names.push('child-killed-for-memory')
  const { values, topic } = limitedBy(limited, lifetime)
  // Without cgroups of their own, all processes of the host are in the same one.
  const isAnywhere = home === undefined || home === '/'
  return {
    names,
    weak: isPane || (!isNamed && isAnywhere),
    section,
    text,
    topic,
    values: { child: command, ...values },
    shared: limited === undefined ? [] : [`limit of ${limited}`],
  }
}

/** With vm.overcommit_memory=2 the kernel refuses the allocation, and logs which process asked. */
const REFUSED = /^__vm_enough_memory: pid: (\d{1,10}), comm: (.*?), (?:bytes: \d+ )?(?:no|not) enough memory/

function refusedFacts(line: PositionedLine, lifetime: Lifetime): Fact[] {
  const { section, message: text, position } = line
  const pid = REFUSED.exec(text)?.[1]
  if (pid === undefined || position.where !== 'near') return []
  return Number(pid) === lifetime.pid
    ? [{ names: ['allocation-refused'], section, text }]
    : [{ names: ['context'], section, text: `about another process: ${text}` }]
}

/** The kernel logs the kill while the process dies. */
const AT_ONCE_MS = 2_000

export interface KernelFacts {
  readonly facts: readonly Fact[]
  readonly others: OtherKills
}

/**
 * Returns the facts in the kernel log about the process and about other processes of its cgroup.
 * @param isCounted whether the counters show an OOM kill between arming and death: then a line that names the process is
 * believed even if it has no time, or if its time is too early because the machine was suspended
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
    if (isSameProcess(lifetime, victim.pid, victim.command) && !isLongBefore(victim, lifetime)) {
      const inPaneScope = mayBePaneScope(lifetime, lastPart(victim.home ?? ''))
      const isOutside = isElsewhere(victim, homes)
      others.isElsewhere ||= isOutside
      facts.push(
        killedFact(victim, lifetime, { isCounted, isDoubtful: isOutside && !inPaneScope }),
        ...outsideFacts(victim, isOutside),
      )
      continue
    }
    if (victim.position.where === 'before') continue
    const isPane = mayBePaneScope(lifetime, lastPart(victim.home ?? ''))
    const isSameCgroup =
      victim.home === undefined || isPane || homes.some((home) => within(home, victim.home))
    const { section, text, position } = victim
    const atOnce = Math.abs(position.agoMs ?? 0) <= AT_ONCE_MS
    facts.push(
      isSameCgroup && atOnce
        ? anotherFact(victim, lifetime, isPane)
        : { names: ['context'], section, text: `about another process: ${text}` },
    )
    if (!isSameCgroup || (atOnce && mayBeSameProcess(lifetime, victim))) continue
    const isCertain = homes.some((home) => home !== '/' && within(home, victim.home))
    others[isCertain ? 'certain' : 'possible']++
  }
  for (const line of lines.filter(isFromKernel)) facts.push(...refusedFacts(line, lifetime))
  return { facts, others }
}
