import { canonicalSignal } from '@iapeer/forensics'

/** One line of the kernel about the event `signal:signal_generate` (Documentation/trace/events.rst). */
export interface TraceLine {
  /** The pid of the sender; undefined where the kernel did not keep it. */
  readonly senderPid: number | undefined
  /** The thread that sent it; the first thread of a process has its pid. */
  readonly senderTask: number
  /** At most 15 characters. */
  readonly senderComm: string
  /** The pid of a process, or the id of one of its threads. */
  readonly targetPid: number
  readonly targetComm: string
  /** The name, as `SIGKILL`. */
  readonly signal: string
  /** The kernel sent it: the task of the line only happened to be running. */
  readonly byKernel: boolean
  /** By the clock of the trace. */
  readonly seconds: number
}

/** A code above 0 is the kernel's (siginfo.h); a timer can expire while any task runs. */
const SI_TIMER = -2
/** The third flag of a line: sent within an interrupt (`h`, `H`, `s`; `Z`, `z`: non-maskable). */
const IN_INTERRUPT = /^..[hHsZz]/

const LINE =
  /^\s*(.{1,16})-(\d{1,10})\s+(?:\(\s*(\d{1,10}|-+)\)\s+)?\[\d+\]\s+(\S+)\s+(\d{1,12}\.\d{1,9}): signal_generate: sig=(\d{1,3}) errno=-?\d+ code=(-?\d{1,10}) comm=(.{0,16}) pid=(\d{1,10}) grp=\d+ res=\d+\s*$/s

/** Parses one line of `trace_pipe`. Never throws: returns undefined for any other line (`CPU:0 [LOST 12 EVENTS]`). */
export function parseTraceLine(line: string): TraceLine | undefined {
  const [, comm, task, group, flags = '', seconds, number, code, targetComm = '', target] =
    LINE.exec(line) ?? []
  const signal = canonicalSignal(number ?? '')
  if (comm === undefined || target === undefined || signal === undefined) return undefined
  return {
    senderPid: group !== undefined && /^\d+$/.test(group) ? Number(group) : undefined,
    senderTask: Number(task),
    senderComm: comm,
    targetPid: Number(target),
    targetComm,
    signal,
    byKernel: Number(code) > 0 || Number(code) === SI_TIMER || IN_INTERRUPT.test(flags),
    seconds: Number(seconds),
  }
}
