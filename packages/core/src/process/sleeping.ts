import { errnoOf } from '../errors/index.ts'
import { readProcFile } from './proc-file.ts'
import { hasProcfs } from './process-identity.ts'

/** The room that `/proc/<pid>/status` needs; it is longer for a process of many groups. */
const STATUS_BYTES = 1 << 14

/**
 * Parses `/proc/<pid>/status` (proc_pid_status(5)): how often the process has been scheduled, if it sleeps and can be woken; undefined if
 * it runs, waits for a disk, is stopped or has exited.
 */
export function parseSleep(status: string): number | undefined {
  const [, voluntary] = /^voluntary_ctxt_switches:\s*(\d+)$/m.exec(status) ?? []
  const [, forced] = /^nonvoluntary_ctxt_switches:\s*(\d+)$/m.exec(status) ?? []
  if (!/^State:\s*S /m.test(status) || voluntary === undefined || forced === undefined) return undefined
  return Number(voluntary) + Number(forced)
}

/**
 * Returns how often a process has been scheduled if it sleeps now and has no child: an equal number later means that it has slept all the
 * time. Undefined otherwise, and where that cannot be read (macOS, a kernel without `children` in proc_pid_task(5)).
 */
export function readSleep(pid: number): number | undefined {
  if (!hasProcfs()) return undefined
  try {
    if (readProcFile(`/proc/${pid}/task/${pid}/children`).trim() !== '') return undefined
    return parseSleep(readProcFile(`/proc/${pid}/status`, STATUS_BYTES))
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}
