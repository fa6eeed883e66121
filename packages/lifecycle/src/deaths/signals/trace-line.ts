import { canonicalSignal } from '@iapeer/forensics'

/** One line that the kernel writes about `signal:signal_generate` (Documentation/trace/events.rst). */
export interface TraceLine {
  /** The process of the task that sent it; undefined where the kernel has not noted it. */
  readonly senderPid: number | undefined
  /** The task: a process's first thread has its pid. */
  readonly senderTask: number
  /** At most 15 characters. */
  readonly senderComm: string
  /** A process, or one of its threads. */
  readonly targetPid: number
  readonly targetComm: string
  /** Canonical, as `SIGKILL`. */
  readonly signal: string
  /** Nobody's: whoever was running then has nothing to do with it. */
  readonly byKernel: boolean
  /** By the trace's own clock. */
  readonly seconds: number
}

/** Above 0 the kernel sent it (siginfo.h); a timer is one that runs out, whoever runs then. */
const SI_TIMER = -2
/** In an interrupt (`h`, `H`, `s`; `Z`, `z` one that cannot be masked), the third of the flags of a line. */
const IN_INTERRUPT = /^..[hHsZz]/

const LINE =
  /^\s*(.{1,16})-(\d{1,10})\s+(?:\(\s*(\d{1,10}|-+)\)\s+)?\[\d+\]\s+(\S+)\s+(\d{1,12}\.\d{1,9}): signal_generate: sig=(\d{1,3}) errno=-?\d+ code=(-?\d{1,10}) comm=(.{0,16}) pid=(\d{1,10}) grp=\d+ res=\d+\s*$/s

/** Reads one line of `trace_pipe`. Total: undefined for anything else (`CPU:0 [LOST 12 EVENTS]`). */
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
