import { closeSync, openSync, readSync } from 'node:fs'
import { errnoOf } from '../errors/index.ts'
import { readProcFile } from './proc-file.ts'
import { formatProcessId, hasProcfs, type Liveness, type ProcessId } from './process-identity.ts'
import { parseProcStat } from './start-token.ts'

/** `0 0 0 ...` in statm: the process has no memory any more, so it has exited (proc_pid_statm(5)). */
const ZERO = 48
const BLANK = 32
/** No more files than these are kept open; the others are opened for each look. */
const MOST_OPEN = 4_096

const first = Buffer.alloc(8)

/** `gone` for a zombie too, and for one whose pid is used by another process; undefined where its file cannot be opened. */
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
    // ENOENT may be a process that is hidden from this user.
    return code === 'ESRCH' ? 'gone' : undefined
  }
}

/**
 * Looks at the same processes again and again for two microseconds each, and sees a zombie too: keeps an open file of each,
 * which is of that very process whatever becomes of its pid. Linux only; elsewhere, and where too many files are open,
 * everything is unknown to it.
 */
export class LivenessProbes {
  readonly #files = new Map<string, number>()

  /** Whether each of these very processes lives, in the order given; `unknown` where it cannot tell. */
  look(ids: readonly ProcessId[]): Liveness[] {
    if (!hasProcfs()) return ids.map(() => 'unknown')
    const wanted = new Set(ids.map(formatProcessId))
    for (const [key, file] of this.#files) if (!wanted.has(key)) this.#drop(key, file)
    return ids.map((id) => this.#lookAt(id))
  }

  #lookAt(id: ProcessId): Liveness {
    const key = formatProcessId(id)
    const kept = this.#files.get(key)
    const file = kept ?? (this.#files.size < MOST_OPEN ? openProbe(id) : undefined)
    if (file === undefined) return 'unknown'
    if (file === 'gone') return 'gone'
    if (kept === undefined) this.#files.set(key, file)
    try {
      const bytes = readSync(file, first, 0, first.length, 0)
      const exited = bytes === 0 || (first[0] === ZERO && (bytes === 1 || first[1] === BLANK))
      if (!exited) return 'alive'
    } catch (error) {
      if (errnoOf(error) !== 'ESRCH') throw error
    }
    this.#drop(key, file)
    return 'gone'
  }

  #drop(key: string, file: number): void {
    this.#files.delete(key)
    closeSync(file)
  }

  /** Closes every file. */
  close(): void {
    for (const [key, file] of this.#files) this.#drop(key, file)
  }
}
