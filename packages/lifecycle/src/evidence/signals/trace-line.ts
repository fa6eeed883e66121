import { canonicalSignal } from '@iapeer/forensics'

/** One line that the kernel writes about `signal:signal_generate` (Documentation/trace/events.rst). */
export interface TraceLine {
  /** The process of the task that sent it; its thread where the kernel has not noted the process. */
  readonly senderPid: number
  /** At most 15 characters. */
  readonly senderComm: string
  readonly targetPid: number
  readonly targetComm: string
  /** Canonical, as `SIGKILL`. */
  readonly signal: string
  /** Above 0: the kernel itself sent it, and whoever was running then has nothing to do with it (siginfo.h). */
  readonly code: number
  /** By the trace's own clock. */
  readonly seconds: number
}

const LINE =
  /^\s*(.{1,16})-(\d{1,10})\s+(?:\(\s*(\d{1,10}|-+)\)\s+)?\[\d+\]\s+\S+\s+(\d{1,12}\.\d{1,9}): signal_generate: sig=(\d{1,3}) errno=-?\d+ code=(-?\d{1,10}) comm=(.{0,16}) pid=(\d{1,10}) grp=\d+ res=\d+\s*$/

/** Reads one line of `trace_pipe`. Total: undefined for anything else (`CPU:0 [LOST 12 EVENTS]`). */
export function parseTraceLine(line: string): TraceLine | undefined {
  const [, comm, task, group, seconds, number, code, targetComm = '', target] = LINE.exec(line) ?? []
  const signal = canonicalSignal(number ?? '')
  if (comm === undefined || target === undefined || signal === undefined) return undefined
  return {
    senderPid: Number(group !== undefined && /^\d+$/.test(group) ? group : task),
    senderComm: comm,
    targetPid: Number(target),
    targetComm,
    signal,
    code: Number(code),
    seconds: Number(seconds),
  }
}
