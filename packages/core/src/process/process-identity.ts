import { existsSync } from 'node:fs'
import { errnoOf } from '../errors/index.ts'
import { readProcFile } from './proc-file.ts'
import { ps } from './ps.ts'
import { type ProcessFacts, parseProcStat, parsePsLines } from './start-token.ts'

/** The identity of a process: its pid, which can be reused, and its start time. Written as `<pid>:<token>`. */
export interface ProcessId {
  /** The process id. */
  readonly pid: number
  /** The start time: clock ticks since boot (Linux), or the output of `ps -o lstart` with `_` for spaces (macOS). */
  readonly token: string
}

/**
 * The liveness of a process. `gone` includes a zombie, and a pid that belongs to another process now. `unknown` means
 * that it cannot be determined; treat it as possibly alive.
 */
export type Liveness = 'alive' | 'gone' | 'unknown'

let procfs: boolean | undefined

/** Tests whether this system has a readable /proc (Linux). Else processes are read with `ps`. */
export function hasProcfs(): boolean {
  procfs ??= existsSync('/proc/self/stat')
  return procfs
}

/** Tells a missing process from one that is hidden (hidepid): for a hidden process, signal 0 does not fail with ESRCH. */
function missingOrHidden(pid: number): ProcessFacts {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if (errnoOf(error) === 'ESRCH') return { kind: 'gone' }
  }
  return { kind: 'unknown', why: `/proc/${pid} is hidden` }
}

function readProcStat(pid: number): ProcessFacts {
  try {
    return parseProcStat(readProcFile(`/proc/${pid}/stat`))
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ESRCH') return { kind: 'gone' }
    if (code === 'ENOENT') return missingOrHidden(pid)
    return { kind: 'unknown', why: code ?? String(error) }
  }
}

/** Reads the facts of several processes: from /proc on Linux, with one `ps` elsewhere. @throws IapeerError `ps-failed` */
export async function readProcesses(pids: readonly number[]): Promise<Map<number, ProcessFacts>> {
  if (pids.length === 0) return new Map()
  if (hasProcfs()) return new Map(pids.map((pid) => [pid, readProcStat(pid)]))
  const found = parsePsLines(await ps('-o', 'pid=,ppid=,stat=,lstart=', '-p', pids.join(',')))
  return new Map(pids.map((pid) => [pid, found.get(pid) ?? { kind: 'gone' }]))
}

/** Identifies a running process; undefined if it has exited or cannot be read. @throws IapeerError `ps-failed` */
export async function identifyProcess(pid: number): Promise<ProcessId | undefined> {
  const facts = (await readProcesses([pid])).get(pid)
  return facts?.kind === 'running' ? { pid, token: facts.token } : undefined
}

function livenessOf(id: ProcessId, facts: ProcessFacts | undefined): Liveness {
  if (facts === undefined || facts.kind === 'unknown') return 'unknown'
  return facts.kind === 'running' && facts.token === id.token ? 'alive' : 'gone'
}

/** Returns the liveness of each process, in the order of `ids`. @throws IapeerError `ps-failed` */
export async function observeProcesses(ids: readonly ProcessId[]): Promise<Liveness[]> {
  const facts = await readProcesses([...new Set(ids.map((id) => id.pid))])
  return ids.map((id) => livenessOf(id, facts.get(id.pid)))
}

/** Returns the liveness of a process. @throws IapeerError `ps-failed` */
export async function observeProcess(id: ProcessId): Promise<Liveness> {
  const [liveness] = await observeProcesses([id])
  return liveness ?? 'unknown'
}

/** Tests whether two identities mean the same process. */
export const isSameProcess = (a: ProcessId, b: ProcessId): boolean => a.pid === b.pid && a.token === b.token

/** Formats an identity as `<pid>:<token>`. */
export function formatProcessId(id: ProcessId): string {
  return `${id.pid}:${id.token}`
}

/** Parses `<pid>:<token>`; the token may contain colons. Undefined if the text has another form. */
export function parseProcessId(text: string): ProcessId | undefined {
  const match = /^([1-9]\d{0,9}):(\S+)$/.exec(text)
  const [, pid, token] = match ?? []
  return pid === undefined || token === undefined ? undefined : { pid: Number(pid), token }
}
