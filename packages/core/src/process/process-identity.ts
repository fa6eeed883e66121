import { existsSync } from 'node:fs'
import { errnoOf } from '../errors/index.ts'
import { readProcFile } from './proc-file.ts'
import { ps } from './ps.ts'
import { type ProcessFacts, parseProcStat, parsePsLines } from './start-token.ts'

/** A process is its pid and its start time; a pid alone is reused. Written `<pid>:<token>`. */
export interface ProcessId {
  /** The process id. */
  readonly pid: number
  /** Its start time: clock ticks since boot (Linux), or what `ps -o lstart` prints, with `_` for blanks (macOS). */
  readonly token: string
}

/** `gone` includes a zombie and a pid that belongs to somebody else now. `unknown` is never `gone`. */
export type Liveness = 'alive' | 'gone' | 'unknown'

let procfs: boolean | undefined

/** Whether this system has a readable /proc (Linux), so that no process is needed to look at one. */
export function hasProcfs(): boolean {
  procfs ??= existsSync('/proc/self/stat')
  return procfs
}

/** ENOENT with a pid that answers a signal is a hidden process (hidepid), not a dead one. */
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

/** Looks at several processes at once: no process is started on Linux, one `ps` elsewhere. */
export async function readProcesses(pids: readonly number[]): Promise<Map<number, ProcessFacts>> {
  if (pids.length === 0) return new Map()
  if (hasProcfs()) return new Map(pids.map((pid) => [pid, readProcStat(pid)]))
  const found = parsePsLines(await ps('-o', 'pid=,ppid=,stat=,lstart=', '-p', pids.join(',')))
  return new Map(pids.map((pid) => [pid, found.get(pid) ?? { kind: 'gone' }]))
}

/** The identity of a living process; undefined when it is gone or cannot be read. */
export async function identifyProcess(pid: number): Promise<ProcessId | undefined> {
  const facts = (await readProcesses([pid])).get(pid)
  return facts?.kind === 'running' ? { pid, token: facts.token } : undefined
}

function livenessOf(id: ProcessId, facts: ProcessFacts | undefined): Liveness {
  if (facts === undefined || facts.kind === 'unknown') return 'unknown'
  return facts.kind === 'running' && facts.token === id.token ? 'alive' : 'gone'
}

/** Whether each of these very processes still lives, in the order given. */
export async function observeProcesses(ids: readonly ProcessId[]): Promise<Liveness[]> {
  const facts = await readProcesses([...new Set(ids.map((id) => id.pid))])
  return ids.map((id) => livenessOf(id, facts.get(id.pid)))
}

export async function observeProcess(id: ProcessId): Promise<Liveness> {
  const [liveness] = await observeProcesses([id])
  return liveness ?? 'unknown'
}

/** Whether two identities name one process. */
export const isSameProcess = (a: ProcessId, b: ProcessId): boolean => a.pid === b.pid && a.token === b.token

export function formatProcessId(id: ProcessId): string {
  return `${id.pid}:${id.token}`
}

/** Reads `<pid>:<token>`; the token may hold colons. Undefined when it is neither. */
export function parseProcessId(text: string): ProcessId | undefined {
  const match = /^([1-9]\d{0,9}):(\S+)$/.exec(text)
  const [, pid, token] = match ?? []
  return pid === undefined || token === undefined ? undefined : { pid: Number(pid), token }
}
