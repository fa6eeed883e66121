import type { ExitRecord } from '../exit-record.ts'
import type { Fact } from '../fact.ts'
import type { Lifetime } from '../lifetime.ts'
import { canonicalSignal, codedSignal } from '../signal-name.ts'
import { cgroupLabel, withAncestors } from './cgroup.ts'
import type { PositionedLine } from './logs.ts'
import { canExplain } from './signals.ts'
import { isItsManager, isNearDeath, isUndated, mayBePaneScope, unitsOf } from './units.ts'

/** What a memory daemon logged about one process. */
interface Shot {
  readonly daemon: string
  readonly signal: string
  readonly pid: number
  readonly line: PositionedLine
}

/** systemd-oomd's own line. */
const OOMD = /^(?:Killed|Marked) (\/\S*)(?: for killing)? due to (.*)/
/** The line of the manager of the unit; systemd writes `some` if it does not know the number. */
const OOMD_UNIT = /^(\S+): systemd-oomd killed (?:\d+|some) process/

/**
 * earlyoom from 1.3, 1.3-rc1 (`killing process 812 "node" with signal 15`), 1.2 (`Killing process 'node' with signal 15, pid:
 * 812`), 1.1 (`Killing process: node, pid: 812`, always SIGKILL) and before (`Killing process 812 node`).
 */
const EARLYOOM: readonly RegExp[] = [
  /^sending (?<signal>SIG[A-Z]+) to process (?<pid>\d{1,10})\b/,
  /^killing process (?<pid>\d{1,10}) ".*" with signal (?<signal>\d{1,2}):/,
  /^Killing process '.*' with signal (?<signal>\d{1,2}), pid: (?<pid>\d{1,10})\b/,
  /^Killing process: .*, pid: (?<pid>\d{1,10}), badness: /,
  /^Killing process (?<pid>\d{1,10}) /,
]

/** nohang names its victim and, some lines later, the signal that it sends to it. */
const NOHANG_VICTIM = /^\s*PID:\s+(\d{1,10}), name: /
const NOHANG_SENDING = /^\s*Sending (SIG[A-Z]+) to the victim/

function ofEarlyoom(line: PositionedLine): Shot[] {
  for (const form of EARLYOOM) {
    const { pid, signal } = form.exec(line.message)?.groups ?? {}
    const name = canonicalSignal(signal ?? 'SIGKILL')
    if (pid !== undefined && name !== undefined)
      return [{ daemon: 'earlyoom', signal: name, pid: Number(pid), line }]
  }
  return []
}

/** With -g, earlyoom then names the process group, and with it the process that leads it. */
const EARLYOOM_GROUP = /^killing whole process group (\d{1,10}) \(-g flag/

/** earlyoom goes over to SIGKILL if the memory runs out while it waits for its victim, which it does not name again. */
const EARLYOOM_ESCALATES = /^escalating to SIGKILL\b/
/** What earlyoom logs after a line about a signal that it did not send: with --dryrun, or without the right to. */
const EARLYOOM_NOT_SENT = /^dryrun, not actually sending|^kill failed: (?!Timer expired)/

/** Returns the signals that earlyoom sent. */
function earlyoomShots(lines: readonly PositionedLine[]): Shot[] {
  const found: Shot[] = []
  let attempt = 0
  for (const line of lines) {
    if (line.source !== 'earlyoom') continue
    const last = found.at(-1)
    const group = EARLYOOM_GROUP.exec(line.message)?.[1]
    const isEscalated = last !== undefined && EARLYOOM_ESCALATES.test(last.line.message)
    if (EARLYOOM_NOT_SENT.test(line.message)) {
      // A failure after it went over to SIGKILL says nothing against the first signal.
      if (!isEscalated) found.splice(attempt)
    } else if (EARLYOOM_ESCALATES.test(line.message))
      found.push(...found.slice(attempt).map((one) => ({ ...one, signal: 'SIGKILL', line })))
    else if (group !== undefined)
      found.push({ daemon: 'earlyoom', signal: last?.signal ?? 'SIGTERM', pid: Number(group), line })
    else {
      const sent = ofEarlyoom(line)
      if (sent.length > 0) attempt = found.length
      found.push(...sent)
    }
  }
  return found
}

function shots(lines: readonly PositionedLine[]): Shot[] {
  return [...earlyoomShots(lines), ...nohangShots(lines)]
}

/** Returns the signals that nohang sent. */
function nohangShots(lines: readonly PositionedLine[]): Shot[] {
  let victim: number | undefined
  return lines.flatMap((line): Shot[] => {
    if (line.source?.startsWith('nohang') !== true) return []
    const named = NOHANG_VICTIM.exec(line.message)?.[1]
    if (named !== undefined) victim = Number(named)
    const signal = NOHANG_SENDING.exec(line.message)?.[1]
    return signal === undefined || victim === undefined
      ? []
      : [{ daemon: 'nohang', signal, pid: victim, line }]
  })
}

const shotText = ({ line, daemon, signal, pid }: Shot): string =>
  daemon === 'nohang' || EARLYOOM_ESCALATES.test(line.message)
    ? `${line.message.trim()} (pid ${pid}, ${signal})`
    : line.message

/** A wrapper exits at once when its child ended. */
const AT_ONCE_MS = 5_000

/** Returns whether the signal to another process can be why the process exited with the code of that signal. */
const mayBeChild = ({ line, signal }: Shot, record: ExitRecord): boolean =>
  record.event === 'session-exit' &&
  record.exitCode !== undefined &&
  codedSignal(record.exitCode) === signal &&
  line.position.agoMs !== undefined &&
  Math.abs(line.position.agoMs) <= AT_ONCE_MS

function childFact(shot: Shot): Fact {
  const { line, daemon, signal, pid } = shot
  return {
    names: ['daemon-killed-another'],
    section: line.section,
    text: `${daemon}: ${shotText(shot)}`,
    values: { daemon, sent: signal, child: `pid ${pid}` },
    shared: ['memory of the machine'],
  }
}

/** A process that obeys a request to exit may take this long; it exits at once as a rule. */
const OBEYS_MS = 10_000

/**
 * Returns the facts in what earlyoom and nohang logged. A signal explains the death only if the process died at that time and
 * as that signal ends a process: a program can survive a SIGTERM.
 */
function shotFacts(all: readonly Shot[], lifetime: Lifetime, record: ExitRecord): Fact[] {
  const own = all.filter(({ pid }) => pid === lifetime.pid)
  const beforeDeath = ({ position }: PositionedLine): number => (position.agoMs ?? 0) - lifetime.bracketMs
  const explains = ({ line, signal }: Shot): boolean =>
    isNearDeath(line) && beforeDeath(line) <= OBEYS_MS && canExplain(signal, record) !== 'no'
  const last = own.findLast(explains)
  return all
    .filter((shot) => shot.pid === lifetime.pid || isNearDeath(shot.line))
    .map((shot) => {
      const { line, daemon, signal } = shot
      const { section } = line
      const text = shotText(shot)
      if (shot !== last) {
        if (last === undefined && mayBeChild(shot, record)) return childFact(shot)
        const about = shot.pid === lifetime.pid ? 'earlier' : 'about another process'
        return { names: ['context'], section, text: `${about}, ${daemon}: ${text}` }
      }
      // After some seconds, a program that exits with a code can have survived the signal and be asked to exit by a person.
      const isLate = record.signal === undefined && beforeDeath(line) > AT_ONCE_MS
      const weak = isUndated(line) || isLate || canExplain(signal, record) === 'perhaps'
      return {
        names: ['daemon-kill'],
        section,
        text: `${daemon}: ${text}`,
        weak,
        values: { daemon, sent: signal },
        shared: ['memory of the machine'],
      }
    })
}

/** Returns the fact about a cgroup or unit that systemd-oomd killed. */
function oomdFact(line: PositionedLine, lifetime: Lifetime, killed: { path: string; why: string }): Fact {
  const { section, message: text } = line
  const name = killed.path.slice(killed.path.lastIndexOf('/') + 1)
  const home = lifetime.cgroups.v2
  const isOwn = killed.path.startsWith('/')
    ? home !== undefined && killed.path !== '/' && withAncestors(home).includes(killed.path)
    : unitsOf(lifetime).includes(killed.path)
  const isPane = mayBePaneScope(lifetime, name)
  if (!isOwn && !isPane) return { names: ['context'], section, text }
  const values = { cgroup: cgroupLabel(killed.path), why: killed.why }
  return {
    names: ['oomd-kill'],
    section,
    text,
    weak: isUndated(line) || isPane,
    values,
    shared: [`oomd ${killed.path}`],
  }
}

function ofOomd(line: PositionedLine, lifetime: Lifetime): Fact[] {
  if (!isNearDeath(line)) return []
  if (line.source === 'systemd-oomd') {
    const [, path, why = ''] = OOMD.exec(line.message) ?? []
    return path === undefined ? [] : [oomdFact(line, lifetime, { path, why })]
  }
  const unit = line.source === 'systemd' ? OOMD_UNIT.exec(line.message)?.[1] : undefined
  if (unit === undefined || !isItsManager(line, lifetime, unit)) return []
  const fact = oomdFact(line, lifetime, { path: unit, why: 'memory pressure' })
  return fact.names.includes('oomd-kill') ? [fact] : []
}

/** Returns the facts in what systemd-oomd, earlyoom and nohang logged: daemons that kill before the kernel has to. */
export function memoryDaemonFacts(
  lines: readonly PositionedLine[],
  lifetime: Lifetime,
  record: ExitRecord,
): Fact[] {
  return [...lines.flatMap((line) => ofOomd(line, lifetime)), ...shotFacts(shots(lines), lifetime, record)]
}
