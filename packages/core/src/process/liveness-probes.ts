import { closeSync, openSync, readSync } from 'node:fs'
import { errnoOf } from '../errors/index.ts'
import { pageBytes } from './page-bytes.ts'
import { readProcFile } from './proc-file.ts'
import { hasProcfs, type Liveness, type ProcessId } from './process-identity.ts'
import { parseProcStat } from './start-token.ts'

/** `0 0 0 ...` in statm: the process has no memory, so it has exited (proc_pid_statm(5)). */
const ZERO = 48
const NINE = 57
const BLANK = 32
/** The limit of open files; a process beyond it is checked by signal 0. */
const MAX_OPEN = 4_096

/** Room for the first two numbers of statm: the size and the resident pages. */
const first = Buffer.alloc(48)

/** Returns the second number of statm, the resident pages; undefined if it is not whole. */
function residentPages(bytes: number): number | undefined {
  let at = first.indexOf(BLANK) + 1
  let pages = 0
  for (; at > 0 && at < bytes; at++) {
    const digit = first[at] ?? BLANK
    if (digit < ZERO || digit > NINE) return pages
    pages = pages * 10 + digit - ZERO
  }
  return undefined
}

interface Probe {
  readonly token: string
  /** Its open statm. */
  readonly file: number
  /** The resident pages at the last read. */
  pages: number | undefined
}

/** Opens the file of a process. `gone` also for a zombie or a reused pid; undefined if the file cannot be opened. */
function openProbe({ pid, token }: ProcessId): number | 'gone' | undefined {
  try {
    const file = openSync(`/proc/${pid}/statm`, 'r')
    const facts = parseProcStat(readProcFile(`/proc/${pid}/stat`))
    if (facts.kind === 'running' && facts.token === token) return file
    closeSync(file)
    return facts.kind === 'unknown' ? undefined : 'gone'
  } catch (error) {
    const code = errnoOf(error)
    if (code === undefined) throw error
    // ENOENT can mean a process that is hidden from this user.
    return code === 'ESRCH' ? 'gone' : undefined
  }
}

/** Checks a process by signal 0, which starts no process and works without /proc. A zombie and a reused pid are `alive`. */
export function livenessBySignal(id: ProcessId): Liveness {
  try {
    process.kill(id.pid, 0)
    return 'alive'
  } catch (error) {
    return errnoOf(error) === 'ESRCH' ? 'gone' : 'unknown'
  }
}

/**
 * How a process is checked. `read`: by a read of a file that is kept open, which recognises zombies and reused pids. `signal`: by signal
 * 0, which costs about half as much. `skip`: not at all, so that it counts as alive.
 */
export type ProbeDepth = 'read' | 'signal' | 'skip'

/**
 * Checks the same processes repeatedly without starting one. It keeps a file of each process open, which refers to that process even
 * after its pid is reused. Without /proc, and beyond 4,096 processes, it checks by signal 0 what it would read.
 */
export class LivenessProbes {
  /** By pid. */
  readonly #probes = new Map<number, Probe>()

  /**
   * Returns the liveness of each process, in the order of `ids`. Closes the files of processes that are not among them.
   * @param depthOf how the process at this position is checked; a process that is new is always read. @default all are read
   */
  look(ids: readonly ProcessId[], depthOf = (_at: number): ProbeDepth => 'read'): Liveness[] {
    const states = ids.map((id, at) => this.#check(id, depthOf(at)))
    const asked = ids.filter(({ pid }) => this.#probes.has(pid)).length
    if (this.#probes.size > asked) this.#dropOthers(ids)
    return states
  }

  /** Returns the resident memory of a process at its last read, in bytes; undefined if it is not known. */
  residentBytes({ pid, token }: ProcessId): number | undefined {
    const probe = this.#probes.get(pid)
    const pages = probe?.token === token ? probe.pages : undefined
    return pages === undefined ? undefined : pages * pageBytes()
  }

  #check(id: ProcessId, depth: ProbeDepth): Liveness {
    const known = this.#probes.get(id.pid)
    if (known?.token === id.token) {
      if (depth === 'skip') return 'alive'
      return depth === 'read' ? this.#read(id.pid, known) : livenessBySignal(id)
    }
    if (!hasProcfs() || this.#probes.size >= MAX_OPEN) return livenessBySignal(id)
    this.#drop(id.pid)
    const file = openProbe(id)
    if (file === undefined) return livenessBySignal(id)
    if (file === 'gone') return 'gone'
    const probe = { token: id.token, file, pages: undefined }
    this.#probes.set(id.pid, probe)
    return this.#read(id.pid, probe)
  }

  #read(pid: number, probe: Probe): Liveness {
    try {
      const bytes = readSync(probe.file, first, 0, first.length, 0)
      const hasExited = bytes === 0 || (first[0] === ZERO && (bytes === 1 || first[1] === BLANK))
      probe.pages = hasExited ? undefined : residentPages(bytes)
      if (!hasExited) return 'alive'
    } catch (error) {
      if (errnoOf(error) !== 'ESRCH') throw error
    }
    this.#drop(pid)
    return 'gone'
  }

  #dropOthers(ids: readonly ProcessId[]): void {
    const wanted = new Set(ids.map(({ pid }) => pid))
    for (const pid of this.#probes.keys()) if (!wanted.has(pid)) this.#drop(pid)
  }

  #drop(pid: number): void {
    const file = this.#probes.get(pid)?.file
    this.#probes.delete(pid)
    if (file !== undefined) closeSync(file)
  }

  /** Closes all files. */
  close(): void {
    for (const pid of this.#probes.keys()) this.#drop(pid)
  }
}
