import type { Fact } from '../fact.ts'
import { type Lifetime, positionIn } from '../lifetime.ts'
import { parseLogLine } from '../log-line.ts'
import { canonicalSignal, isFault } from '../signal-name.ts'
import { type Snapshot, sectionLines } from '../snapshot.ts'
import { isFromKernel, type PositionedLine } from './logs.ts'

/** A crash that a log names: which process, and by which signal if the line states it. */
interface Crash {
  readonly pid: number
  /** Undefined if the line names no program. */
  readonly command: string | undefined
  readonly signal: string | undefined
  readonly line: PositionedLine
  readonly name: 'kernel-fault' | 'core-dump'
}

/** A fault on x86, arm64, powerpc or riscv; the kernel logs it only for signals without a handler. */
const FAULT =
  /^(?:traps: )?(.{1,16})\[(\d{1,10})\]:? ((?:segfault (?:\(\d+\) )?at|trap |general protection|unhandled ).*)/
/** print-fatal-signals=1: the older kernels name the process in the line, the newer ones in a line soon after it. */
const FATAL_SIGNAL = /potentially unexpected fatal signal (\d{1,2})/
const FATAL_SIGNAL_OF = /^(.{1,16})\/(\d{1,10}): potentially unexpected fatal signal (\d{1,2})/
const REGISTERS_OF =
  /^CPU: \d+ (?:UID: \d+ )?PID: (\d{1,10}) Comm: (.{1,16}?) (?:Not tainted|Tainted|Kdump|\d+\.\d)/
/** The crash collector of WSL; it writes slashes of the path as exclamation marks. */
const WSL = /^WSL \(\d+\): Capturing crash for pid: (\d{1,10}), executable: (\S+), signal:? ?(\d{1,2})\b/
/** The audit record of an abnormal end, from the kernel (type=1701) or from the audit daemon (ANOM_ABEND). */
const ABNORMAL_END = /^(?:audit: )?(?:type=1701|ANOM_ABEND)\b/
const ABNORMAL_PROCESS = / pid=(\d{1,10}) comm=("[^"]*"|[0-9A-F]+)(?: exe="([^"]*)")?/
const ABNORMAL_SIGNAL = / sig=(\d{1,2})\b/
const COREDUMP =
  /^Process (\d{1,10}) \((.*)\) of user \d+ (?:dumped core|terminated abnormally with signal (\d{1,2}))/
/** The crash reporter of Fedora and RHEL. */
const ABRT = /^Process (\d{1,10}) \((.*?)\) of user \d+ killed by (SIG[A-Z]+)/

const baseName = (path: string | undefined): string | undefined => path?.split(/[/!]/).at(-1)

/** Audit prints a name with unusual characters in hexadecimal. */
function auditName(text: string): string {
  if (text.startsWith('"')) return text.slice(1, -1)
  return Buffer.from(text, 'hex').toString('latin1')
}

interface Found {
  readonly pid: string | undefined
  readonly command?: string | undefined
  readonly signal?: string | undefined
}

function ofKernel(message: string, before: string | undefined): Found | undefined {
  const [, name, pid, what = ''] = FAULT.exec(message) ?? []
  if (pid !== undefined) return { pid, command: name, signal: signalOfFault(what) }
  const [, comm, by, number] = FATAL_SIGNAL_OF.exec(message) ?? []
  if (by !== undefined) return { pid: by, command: comm, signal: number }
  const [, registers, task] = before === undefined ? [] : (REGISTERS_OF.exec(message) ?? [])
  if (registers !== undefined) return { pid: registers, command: task, signal: before }
  const [, crashed, file, sent] = WSL.exec(message) ?? []
  return crashed === undefined ? ofAudit(message) : { pid: crashed, command: baseName(file), signal: sent }
}

function ofAudit(message: string): Found | undefined {
  const found = ABNORMAL_END.exec(message)
  const fields = found === null ? '' : message.slice(found.index + found[0].length)
  const process = ABNORMAL_PROCESS.exec(fields)
  if (process === null) return undefined
  const [whole, pid, comm = '', exe] = process
  const signal = ABNORMAL_SIGNAL.exec(fields.slice(process.index + whole.length))?.[1]
  return signal === undefined ? undefined : { pid, command: baseName(exe) ?? auditName(comm), signal }
}

/** The signal of a fault, from the words of the kernel. */
function signalOfFault(what: string): string | undefined {
  if (/^segfault|^general protection/.test(what)) return 'SIGSEGV'
  if (/^trap invalid opcode/.test(what)) return 'SIGILL'
  if (/^trap divide error/.test(what)) return 'SIGFPE'
  return /^trap int3/.test(what) ? 'SIGTRAP' : undefined
}

const OTHERS: Readonly<Record<string, (message: string) => Found | undefined>> = {
  audit: ofAudit,
  'systemd-coredump': (message) => {
    const [, pid, command, signal] = COREDUMP.exec(message) ?? []
    return { pid, command, signal }
  },
}

function ofAbrt(message: string): Found | undefined {
  const [, pid, command, signal] = ABRT.exec(message) ?? []
  return { pid, command, signal }
}

/** How many lines of registers may follow before the line that names the process. */
const REGISTERS_WITHIN = 6

/** Returns each crash that a log names. */
function crashes(lines: readonly PositionedLine[]): Crash[] {
  let fatal: { signal: string; left: number } | undefined
  return lines.flatMap((line): Crash[] => {
    const { message, source = '' } = line
    const isKernel = isFromKernel(line)
    const found = isKernel
      ? ofKernel(message, fatal?.signal)
      : source.startsWith('abrt')
        ? ofAbrt(message)
        : OTHERS[source]?.(message)
    if (isKernel) {
      const signal = FATAL_SIGNAL.exec(message)?.[1]
      const left = (fatal?.left ?? 0) - 1
      fatal =
        signal !== undefined
          ? { signal, left: REGISTERS_WITHIN }
          : left > 0
            ? { signal: fatal?.signal ?? '', left }
            : undefined
    }
    if (found?.pid === undefined) return []
    const signal = canonicalSignal(found.signal ?? '')
    const name = isKernel || source === 'audit' ? 'kernel-fault' : 'core-dump'
    return [{ pid: Number(found.pid), command: found.command, signal, line, name }]
  })
}

/** In a container the pid can be that of another process, so a server must be called tmux where the line names the program. */
const isSame = (lifetime: Lifetime, { pid, command }: Crash): boolean =>
  pid === lifetime.pid && (lifetime.subject === 'agent' || command === undefined || /^tmux/i.test(command))

/** Returns the facts in the lines of the kernel, audit, WSL, abrt and systemd-coredump about processes that crashed. */
export function crashFacts(lines: readonly PositionedLine[], lifetime: Lifetime): Fact[] {
  return crashes(lines).flatMap((crash): Fact[] => {
    const { line, signal, command, pid, name } = crash
    const { section, message: text, position } = line
    // A report about a signal that another process sent (SIGKILL, SIGTERM) is none about a crash.
    const isCrash = signal === undefined || isFault(signal)
    if (isSame(lifetime, crash))
      return [{ names: [isCrash ? name : 'context'], section, text, weak: position.where === 'unknown' }]
    if (position.where !== 'near') return []
    const fact = { section, text: `about another process: ${text}` }
    if (!isCrash || signal === undefined) return [{ names: ['context'], ...fact }]
    const child = `pid ${pid}${command === undefined ? '' : ` (${command})`}`
    return [{ names: ['fault-of-another'], ...fact, values: { child, fault: signal } }]
  })
}

/** A line of `coredumpctl list`: time pid uid gid signal corefile exe [size]. */
const COREDUMPCTL =
  /^\w{3} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+\s+(\d{1,10})\s+\d+\s+\d+\s+(\S+)\s+(?:present|missing|none|journal|truncated|inaccessible|error|\*|-)(?:\s+(\/\S*))?/
/** A core file that is named after its process: core.801, core-tmux.801, core.tmux.1000.801.1781106127. */
const CORE_FILE = /^(?:new )?(\/\S*\/)?(core[.-]\S+)(?: .*)?$/

/** Returns the facts about core dumps: new core files, and the entries of coredumpctl for this pid. */
export function coreFacts(snapshot: Snapshot, lifetime: Lifetime): Fact[] {
  const names = ['core-dump'] as const
  return sectionLines(snapshot, 'core').flatMap((line): Fact[] => {
    const [, pid, signal = '', exe] = COREDUMPCTL.exec(line) ?? []
    if (pid !== undefined) {
      const { where } = positionIn(lifetime, parseLogLine(line).time)
      const isOther = lifetime.subject === 'server' && !/^tmux/i.test(baseName(exe) ?? 'tmux')
      if (Number(pid) !== lifetime.pid || where === 'outside' || isOther) return []
      const text = `coredumpctl lists pid ${pid}: ${signal}`
      const isCrash = isFault(canonicalSignal(signal) ?? '')
      return [{ names: isCrash ? names : ['context'], section: 'core', text, weak: where === 'unknown' }]
    }
    const [, , file] = CORE_FILE.exec(line) ?? []
    if (file === undefined || lifetime.pid === undefined) return []
    return file.split(/[.-]/).includes(String(lifetime.pid))
      ? [{ names, section: 'core', text: `core file ${file}` }]
      : []
  })
}
