import { errnoOf } from '../errors/index.ts'
import { readProcFile } from './proc-file.ts'
import { hasProcfs } from './process-identity.ts'
import { readProcessTable } from './process-table.ts'
import { ps } from './ps.ts'

/** What a process and its descendants use now. */
export interface TreeUsage {
  /** The number of processes. */
  readonly processes: number
  /** The sum of their resident memory; pages that they share count for each. */
  readonly residentBytes: number
  /** The processor time that they have used, without that of processes that have exited. In milliseconds. */
  readonly cpuMs: number
}

interface Used {
  readonly pid: number
  readonly ppid: number
  readonly residentBytes: number
  readonly cpuMs: number
}

/** Linux reports times in 1/100 s to every program, whatever its kernel uses (USER_HZ, proc_pid_stat(5)). */
const TICK_MS = 10

/** Reads utime and stime, fields 14 and 15 of `/proc/<pid>/stat`, and VmRSS of `/proc/<pid>/status`. */
function procUsed({ pid, ppid }: { readonly pid: number; readonly ppid: number }): Used[] {
  try {
    const stat = readProcFile(`/proc/${pid}/stat`)
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const [, kib = '0'] = /^VmRSS:\s*(\d+) kB$/m.exec(readProcFile(`/proc/${pid}/status`)) ?? []
    const cpuMs = (Number(fields[11]) + Number(fields[12])) * TICK_MS
    return [{ pid, ppid, residentBytes: Number(kib) * 1024, cpuMs }]
  } catch (error) {
    // The process has exited meanwhile, or is hidden.
    if (errnoOf(error) === undefined) throw error
    return []
  }
}

/** Parses the processor time of ps(1): `[[days-]hours:]minutes:seconds[.hundredths]`. */
function psTimeMs(text: string): number {
  const [, days = '0', clock = ''] = /^(?:(\d+)-)?([\d:.]+)$/.exec(text) ?? []
  const seconds = clock.split(':').reduce((sum, part) => sum * 60 + Number(part), 0)
  return Math.round((Number(days) * 86_400 + seconds) * 1_000)
}

/** Parses the lines of `ps -o pid=,ppid=,rss=,time=`, where rss is in KiB. */
export function parsePsUsage(text: string): Used[] {
  return text.split('\n').flatMap((line) => {
    const [pid, ppid, rss, time = ''] = line.trim().split(/\s+/)
    if (pid === undefined || pid === '') return []
    const used = { pid: Number(pid), ppid: Number(ppid), residentBytes: Number(rss) * 1024 }
    return [{ ...used, cpuMs: psTimeMs(time) }]
  })
}

/** Returns the rows of a process and its descendants. */
function treeOf<R extends { readonly pid: number; readonly ppid: number }>(
  rows: readonly R[],
  root: number,
): R[] {
  const tree = rows.filter(({ pid }) => pid === root)
  const seen = new Set([root])
  for (const { pid: parent } of tree) {
    const children = rows.filter(({ pid, ppid }) => ppid === parent && !seen.has(pid))
    for (const child of children) seen.add(child.pid)
    tree.push(...children)
  }
  return tree
}

/**
 * Returns what a process and its descendants use; undefined if it does not run.
 * @throws IapeerError `ps-failed`
 */
export async function readTreeUsage(pid: number): Promise<TreeUsage | undefined> {
  const used = hasProcfs()
    ? treeOf(await readProcessTable(), pid).flatMap(procUsed)
    : treeOf(parsePsUsage(await ps('-A', '-o', 'pid=,ppid=,rss=,time=')), pid)
  if (used.length === 0) return undefined
  const sum = (value: (one: Used) => number): number => used.reduce((total, one) => total + value(one), 0)
  return {
    processes: used.length,
    residentBytes: sum((one) => one.residentBytes),
    cpuMs: sum((one) => one.cpuMs),
  }
}
