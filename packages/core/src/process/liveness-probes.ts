import { closeSync, openSync, readSync } from 'node:fs'
import { errnoOf } from '../errors/index.ts'
import { pageBytes } from './page-bytes.ts'
import { readProcFile } from './proc-file.ts'
import { formatProcessId, hasProcfs, type Liveness, type ProcessId } from './process-identity.ts'
import { parseProcStat } from './start-token.ts'

/** `0 0 0 ...` in statm: the process has no memory, so it has exited (proc_pid_statm(5)). */
const ZERO = 48
const NINE = 57
const BLANK = 32
/** The limit of open files; a process beyond it is `unknown`. */
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
  readonly file: number
  /** The resident pages at the last check. */
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

/**
 * Checks the same processes repeatedly, at two microseconds each, and detects zombies. It keeps a file of each process
 * open, which refers to that process even after its pid is reused. Linux only: elsewhere, and beyond 4,096 processes,
 * the result is `unknown`.
 */
export class LivenessProbes {
  readonly #probes = new Map<string, Probe>()

  /** Returns the liveness of each process, in the order of `ids`. Closes the files of processes that are not among them. */
  look(ids: readonly ProcessId[]): Liveness[] {
    if (!hasProcfs()) return ids.map(() => 'unknown')
    const wanted = new Set(ids.map(formatProcessId))
    for (const [key, { file }] of this.#probes) if (!wanted.has(key)) this.#drop(key, file)
    return ids.map((id) => this.#check(id))
  }

  /** Returns the resident memory of a process at its last check, in bytes, without a read; undefined if it is not known. */
  residentBytes(id: ProcessId): number | undefined {
    const pages = this.#probes.get(formatProcessId(id))?.pages
    return pages === undefined ? undefined : pages * pageBytes()
  }

  #check(id: ProcessId): Liveness {
    const key = formatProcessId(id)
    const kept = this.#probes.get(key)
    const file = kept?.file ?? (this.#probes.size < MAX_OPEN ? openProbe(id) : undefined)
    if (file === undefined) return 'unknown'
    if (file === 'gone') return 'gone'
    const probe = kept ?? { file, pages: undefined }
    if (kept === undefined) this.#probes.set(key, probe)
    try {
      const bytes = readSync(file, first, 0, first.length, 0)
      const exited = bytes === 0 || (first[0] === ZERO && (bytes === 1 || first[1] === BLANK))
      probe.pages = exited ? undefined : residentPages(bytes)
      if (!exited) return 'alive'
    } catch (error) {
      if (errnoOf(error) !== 'ESRCH') throw error
    }
    this.#drop(key, file)
    return 'gone'
  }

  #drop(key: string, file: number): void {
    this.#probes.delete(key)
    closeSync(file)
  }

  /** Closes all files. */
  close(): void {
    for (const [key, { file }] of this.#probes) this.#drop(key, file)
  }
}
