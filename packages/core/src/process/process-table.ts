import { readdirSync, readFileSync } from 'node:fs'
import { errnoOf } from '../errors/index.ts'
import { hasProcfs } from './process-identity.ts'
import { ps } from './ps.ts'

/** A running process, with its process group and its terminal's foreground group. */
export interface ProcessRow {
  readonly pid: number
  readonly ppid: number
  /** Its process group. */
  readonly group: number
  /** The foreground process group of its terminal; below 1 if it has no terminal. */
  readonly foreground: number
}

function rowOf(words: readonly (string | undefined)[], state: string | undefined): ProcessRow | undefined {
  const [pid, ppid, group, foreground] = words.map(Number)
  if (pid === undefined || ppid === undefined || group === undefined || foreground === undefined)
    return undefined
  const known = [pid, ppid, group, foreground].every(Number.isInteger)
  return known && !/^[ZX]/.test(state ?? 'Z') ? { pid, ppid, group, foreground } : undefined
}

/** Reads `/proc/<pid>/stat`: ppid is field 4, the group field 5, the foreground group field 8 (proc_pid_stat(5)). */
function procRow(pid: string): ProcessRow | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const [state, ppid, group, , , foreground] = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return rowOf([pid, ppid, group, foreground], state)
  } catch (error) {
    // The process has exited meanwhile, or is hidden.
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}

/** Parses the lines of `ps -o pid=,ppid=,pgid=,tpgid=,stat=` (macOS ps(1)), where tpgid is 0 without a terminal. */
export function parsePsTable(text: string): ProcessRow[] {
  return text.split('\n').flatMap((line) => {
    const [pid, ppid, group, foreground, state] = line.trim().split(/\s+/)
    return rowOf([pid, ppid, group, foreground], state) ?? []
  })
}

/** Reads every visible process: from /proc on Linux, with one `ps` elsewhere. @throws IapeerError `ps-failed` */
export async function readProcessTable(): Promise<ProcessRow[]> {
  if (!hasProcfs()) return parsePsTable(await ps('-A', '-o', 'pid=,ppid=,pgid=,tpgid=,stat='))
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => procRow(pid) ?? [])
}
