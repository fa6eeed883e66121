import { readFileSync } from 'node:fs'
import { errnoOf } from '@iapeer/core/errors'
import { parseProcCmdline, parseProcStat } from '@iapeer/core/process'
import { cleanCommand } from './clean-command.ts'

/** A process as it was when it was seen. */
interface SeenTask {
  readonly pid: number
  readonly comm: string
  /** Long and secret-looking words are cut. Undefined when it was gone before it could be read. */
  readonly command?: string | undefined
  readonly user?: string | undefined
}

export interface SeenSender extends SeenTask {
  /** Who started it, nearest first, at most eight. */
  readonly ancestors: readonly SeenTask[]
}

const MOST_ANCESTORS = 8

/** Undefined where it is gone, or hidden. */
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
  // A title is followed by NULs, up to where the arguments ended.
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

/** The process of a thread; itself where it is gone, or is no thread. */
export function processOf(task: number): number {
  const [, pid] = /^Tgid:\s+(\d+)/m.exec(textOf(`/proc/${task}/status`) ?? '') ?? []
  return pid === undefined ? task : Number(pid)
}

/** In USER_HZ, by which /proc counts on every architecture of today (proc_pid_stat(5)). */
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
  // Whose parent has ended is a child of pid 1, and was not started by it.
  for (let at = facts.ppid; at > 1 && ancestors.length < MOST_ANCESTORS; ) {
    const parent = readProcessFacts(at)
    if (parent === undefined) break
    ancestors.push({ pid: at, comm: parent.comm, command: readCommand(at) })
    at = parent.ppid
  }
  return ancestors
}

/** What a trace has of a sender. */
export interface TracedSender {
  readonly pid: number
  readonly task: number
  /** Of the task; not always known. */
  readonly comm: string
  /** When it sent, in seconds since boot. */
  readonly sentAt: number
}

/** The kernel's word for a name that it has not kept. */
const UNKNOWN_COMM = '<...>'
/** Clocks are compared that count in hundredths. */
const CLOCK_STEP_S = 0.03

/** Whether it is still called what the task was: one that is not has become another program since. */
function isSame({ pid, task, comm }: TracedSender, facts: ProcessFacts): boolean {
  if (comm === UNKNOWN_COMM) return true
  const name = task === pid ? facts.comm : textOf(`/proc/${pid}/task/${task}/comm`)?.replace(/\n$/, '')
  // A thread may have ended; no program takes the place of another without all of its threads ending.
  return name === undefined || name.trimStart() === comm.trimStart()
}

/**
 * Who a process is, and who started it, from /proc. Read at once and without waiting: who sends a signal often ends within
 * a millisecond, and its pid may be somebody else's then, which started later than the signal.
 */
export function seeSender(traced: TracedSender): SeenSender {
  const { pid, sentAt } = traced
  const facts = readProcessFacts(pid)
  const command = readCommand(pid)
  const user = readUser(pid)
  if (facts === undefined || facts.startedAt > sentAt + CLOCK_STEP_S)
    return { pid, comm: traced.comm, ancestors: [] }
  const comm = traced.comm === UNKNOWN_COMM ? facts.comm : traced.comm
  return isSame(traced, facts)
    ? { pid, comm, command, user, ancestors: ancestorsOf(facts) }
    : { pid, comm, user, ancestors: ancestorsOf(facts) }
}
