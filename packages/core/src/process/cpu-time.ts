import { errnoOf } from '../errors/index.ts'
import { readProcFile } from './proc-file.ts'
import { hasProcfs } from './process-identity.ts'

/** Linux reports times in 1/100 s to every program, whatever its kernel uses (USER_HZ, proc_pid_stat(5)). */
const TICK_MS = 10

/**
 * Returns the processor time that a process has used, without its children: utime and stime, fields 14 and 15 of
 * `/proc/<pid>/stat`. In milliseconds; undefined without /proc, and if the process has exited.
 */
export function readCpuMs(pid: number): number | undefined {
  if (!hasProcfs()) return undefined
  try {
    const stat = readProcFile(`/proc/${pid}/stat`)
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}
