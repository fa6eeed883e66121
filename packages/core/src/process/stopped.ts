import { readFileSync } from 'node:fs'
import { errnoOf } from '../errors/index.ts'
import { hasProcfs } from './process-identity.ts'
import { ps } from './ps.ts'

/** Reads field 3 of `/proc/<pid>/stat` (proc_pid_stat(5)): `T` is stopped by a signal, `t` by a tracer. */
function isStoppedByProc(pid: number): boolean {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return /^[Tt] /.test(text.slice(text.lastIndexOf(')') + 2))
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return false
  }
}

/** Returns the processes that are stopped (SIGSTOP, a debugger). A process that cannot be read does not count. */
export async function stoppedProcesses(pids: readonly number[]): Promise<Set<number>> {
  if (pids.length === 0) return new Set()
  if (hasProcfs()) return new Set(pids.filter(isStoppedByProc))
  const stopped = new Set<number>()
  for (const line of (await ps('-o', 'pid=,stat=', '-p', pids.join(','))).split('\n')) {
    const [pid, state] = line.trim().split(/\s+/)
    if (state?.startsWith('T')) stopped.add(Number(pid))
  }
  return stopped
}
