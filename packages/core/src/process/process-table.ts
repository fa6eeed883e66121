import { readdirSync, readFileSync } from 'node:fs'
import { errnoOf } from '../errors/index.ts'
import { hasProcfs } from './process-identity.ts'
import { ps } from './ps.ts'

/** A living process, and its place in its terminal. */
export interface ProcessRow {
  readonly pid: number
  readonly ppid: number
  /** Its process group. */
  readonly group: number
  /** The group in the foreground of its terminal; none is below 1. */
  readonly foreground: number
}

function rowOf(words: readonly (string | undefined)[], state: string | undefined): ProcessRow | undefined {
  const [pid, ppid, group, foreground] = words.map(Number)
  if (pid === undefined || ppid === undefined || group === undefined || foreground === undefined)
    return undefined
  const known = [pid, ppid, group, foreground].every(Number.isInteger)
  return known && !/^[ZX]/.test(state ?? 'Z') ? { pid, ppid, group, foreground } : undefined
}

/** A line of `/proc/<pid>/stat`: ppid is field 4, the group 5, the terminal's foreground group 8 (proc_pid_stat(5)). */
function procRow(pid: string): ProcessRow | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const [state, ppid, group, , , foreground] = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return rowOf([pid, ppid, group, foreground], state)
  } catch (error) {
    // It has ended meanwhile, or is hidden.
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}

/** Reads the lines of `ps -o pid=,ppid=,pgid=,tpgid=,stat=` (macOS ps(1)); a process without a terminal has tpgid 0 there. */
export function parsePsTable(text: string): ProcessRow[] {
  return text.split('\n').flatMap((line) => {
    const [pid, ppid, group, foreground, state] = line.trim().split(/\s+/)
    return rowOf([pid, ppid, group, foreground], state) ?? []
  })
}

/** Every process that can be seen: no process is started on Linux, one `ps` elsewhere. @throws IapeerError `ps-failed` */
export async function readProcessTable(): Promise<ProcessRow[]> {
  if (!hasProcfs()) return parsePsTable(await ps('-A', '-o', 'pid=,ppid=,pgid=,tpgid=,stat='))
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => procRow(pid) ?? [])
}
