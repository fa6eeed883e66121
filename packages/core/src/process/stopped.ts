import { readFileSync } from 'node:fs'
import { errnoOf } from '../errors/index.ts'
import { hasProcfs } from './process-identity.ts'
import { ps } from './ps.ts'

/** Field 3 of `/proc/<pid>/stat` (proc_pid_stat(5)): stopped by a signal, or by a tracer. */
function isStoppedByProc(pid: number): boolean {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return /^[Tt] /.test(text.slice(text.lastIndexOf(')') + 2))
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return false
  }
}

/** Those that are stopped (SIGSTOP, a debugger): alive, and doing nothing. One that cannot be looked at is none. */
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
