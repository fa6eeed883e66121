import { readFileSync } from 'node:fs'
import { errnoOf } from '@iapeer/core/errors'
import { parseProcCmdline, parseProcStat } from '@iapeer/core/process'
import { cleanCommand } from './clean-command.ts'

/** A process as it was when it was read. */
interface SeenTask {
  readonly pid: number
  readonly comm: string
  /** As `cleanCommand` returns it. Undefined when the process was gone before it could be read. */
  readonly command?: string | undefined
  readonly user?: string | undefined
}

export interface SeenSender extends SeenTask {
  /** Its parent, the parent of that, and so on: at most eight. */
  readonly ancestors: readonly SeenTask[]
}

const MOST_ANCESTORS = 8

/** Returns undefined where the process is gone or hidden. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}

function readCommand(pid: number): string | undefined {
  const text = textOf(`/proc/${pid}/cmdline`)
  // A process that changed its title has NULs behind the title, up to the end of its arguments.
  const bytes = text === undefined ? undefined : Buffer.from(text.replace(/\0+$/, '\0'))
  const argv = bytes === undefined ? [] : (parseProcCmdline(bytes)?.argv ?? [])
  return argv.length === 0 ? undefined : cleanCommand(argv)
}

function userName(uid: string): string {
  const line = (textOf('/etc/passwd') ?? '').split('\n').find((one) => one.split(':')[2] === uid)
  return line?.split(':')[0] ?? uid
}

function readUser(pid: number): string | undefined {
  const [, uid] = /^Uid:\s+(\d+)/m.exec(textOf(`/proc/${pid}/status`) ?? '') ?? []
  return uid === undefined ? undefined : userName(uid)
}

/** Returns the pid of the process that a thread belongs to; the same number where the thread is gone. */
export function processOf(task: number): number {
  const [, pid] = /^Tgid:\s+(\d+)/m.exec(textOf(`/proc/${task}/status`) ?? '') ?? []
  return pid === undefined ? task : Number(pid)
}

/** USER_HZ, the unit of times in /proc/pid/stat: 100 on all present architectures (proc_pid_stat(5)). */
const TICKS_PER_SECOND = 100

interface ProcessFacts {
  readonly ppid: number
  readonly comm: string
  /** Seconds since boot. */
  readonly startedAt: number
}

function readProcessFacts(pid: number): ProcessFacts | undefined {
  const text = textOf(`/proc/${pid}/stat`)
  const facts = text === undefined ? undefined : parseProcStat(text)
  if (text === undefined || facts === undefined || !('ppid' in facts)) return undefined
  const comm = text.slice(text.indexOf('(') + 1, text.lastIndexOf(')'))
  return { ppid: facts.ppid, comm, startedAt: Number(facts.token) / TICKS_PER_SECOND }
}

function ancestorsOf(facts: ProcessFacts): SeenTask[] {
  const ancestors: SeenTask[] = []
  // A process whose parent has exited is a child of pid 1, which did not start it.
  for (let at = facts.ppid; at > 1 && ancestors.length < MOST_ANCESTORS; ) {
    const parent = readProcessFacts(at)
    if (parent === undefined) break
    ancestors.push({ pid: at, comm: parent.comm, command: readCommand(at) })
    at = parent.ppid
  }
  return ancestors
}

/** A sender as the trace names it. */
export interface TracedSender {
  readonly pid: number
  readonly task: number
  /** The name of the task; `<...>` where the kernel did not keep it. */
  readonly comm: string
  /** When the signal was sent, in seconds since boot. */
  readonly sentAt: number
}

/** What the kernel prints for a name that it did not keep. */
const UNKNOWN_COMM = '<...>'
/** The start time of a process has a resolution of 0.01 s. */
const CLOCK_STEP_S = 0.03

/** Whether the task still has the name that the trace has: if not, the process has executed another program since. */
function isSameProgram({ pid, task, comm }: TracedSender, facts: ProcessFacts): boolean {
  if (comm === UNKNOWN_COMM) return true
  const name = task === pid ? facts.comm : textOf(`/proc/${pid}/task/${task}/comm`)?.replace(/\n$/, '')
  // A thread may have exited since; a process that executes another program ends all of its other threads.
  return name === undefined || name.trimStart() === comm.trimStart()
}

/**
 * Reads from /proc what the sender of a signal is and which processes started it. Synchronous: a sender often exits within a
 * millisecond. A process with the same pid that started after the signal is another one: then only pid and name are returned.
 */
export function describeSender(traced: TracedSender): SeenSender {
  const { pid, sentAt } = traced
  const facts = readProcessFacts(pid)
  const command = readCommand(pid)
  const user = readUser(pid)
  if (facts === undefined || facts.startedAt > sentAt + CLOCK_STEP_S)
    return { pid, comm: traced.comm, ancestors: [] }
  const comm = traced.comm === UNKNOWN_COMM ? facts.comm : traced.comm
  return isSameProgram(traced, facts)
    ? { pid, comm, command, user, ancestors: ancestorsOf(facts) }
    : { pid, comm, user, ancestors: ancestorsOf(facts) }
}
