import { readdirSync } from 'node:fs'
import { errnoOf } from '../errors/index.ts'
import { pageBytes } from './page-bytes.ts'
import { readProcFile } from './proc-file.ts'
import { hasProcfs } from './process-identity.ts'
import { ps } from './ps.ts'
import { parsePsUsage } from './tree-usage.ts'

/** What one process uses. */
export interface UsageRow {
  readonly pid: number
  readonly ppid: number
  readonly residentBytes: number
  /** Its processor time and that of its children that have exited, in milliseconds. */
  readonly cpuMs: number
  /** Its threads; 1 where `ps` does not count them. */
  readonly tasks: number
}

/** What a process and its descendants use. */
export interface TreeSum {
  /** The resident memory of the process itself. */
  readonly ownBytes: number
  /** The sum of all; pages that they share count for each. */
  readonly residentBytes: number
  readonly cpuMs: number
  readonly tasks: number
}

/** Linux reports times in 1/100 s to every program, whatever its kernel uses (USER_HZ, proc_pid_stat(5)). */
const TICK_MS = 10

/**
 * Parses `/proc/<pid>/stat` (proc_pid_stat(5)): ppid is field 4, utime, stime, cutime and cstime are fields 14 to 17, num_threads is
 * field 20, rss field 24. Undefined for a zombie, and for a line that is not whole.
 */
export function parseUsageStat(pid: number, stat: string, page: number): UsageRow | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ', 22)
  const pages = Number(fields[21])
  if (fields[0] === 'Z' || fields[0] === 'X' || Number.isNaN(pages)) return undefined
  const cpu = Number(fields[11]) + Number(fields[12]) + Number(fields[13]) + Number(fields[14])
  return {
    pid,
    ppid: Number(fields[1]),
    residentBytes: pages * page,
    cpuMs: cpu * TICK_MS,
    tasks: Number(fields[17]),
  }
}

/** Reads what one process uses; undefined if it does not run, cannot be read, or there is no /proc. */
export function readUsageRow(pid: number): UsageRow | undefined {
  if (!hasProcfs()) return undefined
  try {
    return parseUsageStat(pid, readProcFile(`/proc/${pid}/stat`), pageBytes())
  } catch (error) {
    // The process has exited meanwhile, or is hidden.
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}

/** Returns what each of some processes uses together with its descendants; a process that is not in the table is left out. */
export function sumTrees(rows: readonly UsageRow[], roots: readonly number[]): ReadonlyMap<number, TreeSum> {
  const byPid = new Map(rows.map((row) => [row.pid, row]))
  const children = new Map<number, UsageRow[]>()
  for (const row of rows) {
    const known = children.get(row.ppid)
    if (known === undefined) children.set(row.ppid, [row])
    else known.push(row)
  }
  const sums = new Map<number, TreeSum>()
  for (const root of roots) {
    const own = byPid.get(root)
    if (own === undefined) continue
    const { residentBytes: ownBytes } = own
    if (!children.has(root)) {
      sums.set(root, { ownBytes, residentBytes: ownBytes, cpuMs: own.cpuMs, tasks: own.tasks })
      continue
    }
    // A set, so that rows of different moments that name each other as parents end.
    const tree = new Set([own])
    for (const row of tree) for (const child of children.get(row.pid) ?? []) tree.add(child)
    let [residentBytes, cpuMs, tasks] = [0, 0, 0]
    for (const row of tree) {
      residentBytes += row.residentBytes
      cpuMs += row.cpuMs
      tasks += row.tasks
    }
    sums.set(root, { ownBytes, residentBytes, cpuMs, tasks })
  }
  return sums
}

/**
 * Reads the table of all processes in parts, so that no single call takes long. Linux reads a part at each step; elsewhere the
 * last step of each round runs one `ps`.
 */
export class UsageScan {
  readonly #steps: number
  readonly #most: number
  #size = 0
  #pids: readonly number[] = []
  #rows: UsageRow[] = []
  #done = 0

  /**
   * @param steps the number of steps of one round
   * @param most the processes that one step reads at most: with more, a round takes more steps
   */
  constructor(steps: number, most = Number.POSITIVE_INFINITY) {
    this.#steps = steps
    this.#most = most
  }

  /** Reads the next part. @returns the whole table at the end of a round @throws IapeerError `ps-failed` */
  async step(): Promise<readonly UsageRow[] | undefined> {
    if (this.#done === 0) this.#begin()
    this.#done++
    const isLast = this.#done >= Math.max(this.#steps, Math.ceil(this.#pids.length / this.#size))
    if (hasProcfs()) {
      for (const pid of this.#pids.slice((this.#done - 1) * this.#size, this.#done * this.#size)) {
        const row = readUsageRow(pid)
        if (row !== undefined) this.#rows.push(row)
      }
    } else if (isLast)
      this.#rows = parsePsUsage(await ps('-A', '-o', 'pid=,ppid=,rss=,time=')).map((one) => ({
        ...one,
        tasks: 1,
      }))
    if (!isLast) return undefined
    this.#done = 0
    return this.#rows
  }

  #begin(): void {
    this.#rows = []
    this.#pids = hasProcfs()
      ? readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []))
      : []
    this.#size = Math.max(1, Math.min(this.#most, Math.ceil(this.#pids.length / this.#steps)))
  }
}
