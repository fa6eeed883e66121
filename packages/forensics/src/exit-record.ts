import { parseLogfmt } from '@iapeer/core/logfmt'
import { canonicalSignal, signalOfWaitStatus } from './signal-name.ts'

/** What is not known is undefined, and absent in JSON. */
interface DeathCommon {
  /** `<identity>-<gen>`; lines of older versions have no gen: `<identity>-<epoch seconds>`. */
  readonly id: string
  /** ISO-8601 UTC: the time of death, or with `seenAlive` the time at which it was found. */
  readonly ts: string
  /** Where the time of death is not known: the last moment at which it was seen alive, ISO-8601 UTC. */
  readonly seenAlive?: string | undefined
  readonly identity: string
  readonly gen?: string | undefined
  /** Path of the snapshot. */
  readonly forensics?: string | undefined
  readonly cause?: string | undefined
  readonly mode?: string | undefined
  readonly recorder?: string | undefined
}

/** A whole tmux server ended. */
export interface ServerExit extends DeathCommon {
  readonly event: 'server-exit'
  readonly cause: string
  readonly serverPid?: number | undefined
  /** Mode guard: the server's wait status. Mode watch: the exit code of the watching client. 0..255. */
  readonly waitStatus?: number | undefined
  /** Known in mode guard only; canonical (`SIGKILL`). */
  readonly signal?: string | undefined
}

/** The process of a session (the agent) ended. */
export interface SessionExit extends DeathCommon {
  readonly event: 'session-exit'
  readonly exitCode?: number | undefined
  readonly signal?: string | undefined
  readonly leaderPid?: number | undefined
}

export type ExitRecord = ServerExit | SessionExit

export interface ExitsLog {
  /** In the order of the file; of several lines with one id the first complete one. */
  readonly records: readonly ExitRecord[]
  /** Pieces that are no complete record: torn writes, foreign lines. */
  readonly unreadable: number
}

/** Where a record begins: a full disk tears lines and merges them, so a beginning may stand inside a line. */
const BEGINNING = /(?=ts=\d{4}-\d\d-\d\dT[\d:.]+Z ev=(?:server|session)-exit )/

type Fields = Readonly<Record<string, string>>

const present = (text: string | undefined): string | undefined => (text === '' ? undefined : text)

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined
}

function waitStatusOf(text: string | undefined): number | undefined {
  const status = wholeNumber(text)
  return status !== undefined && status <= 255 ? status : undefined
}

function serverExit(common: DeathCommon, fields: Fields): ServerExit | undefined {
  const cause = present(fields['cause'])
  if (cause === undefined) return undefined
  const waitStatus = waitStatusOf(fields['wait_rc'])
  const told = canonicalSignal(fields['signal'] ?? '')
  const signal =
    told ?? (common.mode === 'guard' && waitStatus !== undefined ? signalOfWaitStatus(waitStatus) : undefined)
  const serverPid = wholeNumber(fields['server_pid'])
  return { ...common, event: 'server-exit', cause, serverPid, waitStatus, signal }
}

function sessionExit(common: DeathCommon, fields: Fields): SessionExit {
  const exitCode = waitStatusOf(fields['dead_status'])
  const signal = canonicalSignal(fields['dead_signal'] ?? '')
  const leaderPid = wholeNumber(fields['leader_pid'])
  return { ...common, event: 'session-exit', exitCode, signal, leaderPid }
}

/** Reads one line of exits.log. Total: undefined for anything that is not one complete record. */
export function parseExitLine(line: string): ExitRecord | undefined {
  const { fields, torn } = parseLogfmt(line)
  const { ts, ev, identity } = fields
  const time = Date.parse(ts ?? '')
  if (torn || ts === undefined || identity === undefined || identity === '' || Number.isNaN(time))
    return undefined
  if (fields['forensics'] === undefined) return undefined
  const gen = present(fields['gen'])
  const seenMs = Date.parse(fields['seen_alive'] ?? '')
  const seenAlive = Number.isNaN(seenMs) ? undefined : new Date(seenMs).toISOString()
  const common: DeathCommon = {
    id: `${identity}-${gen ?? Math.floor(time / 1000)}`,
    ts: new Date(time).toISOString(),
    ...(seenAlive === undefined ? {} : { seenAlive }),
    identity,
    gen,
    forensics: present(fields['forensics']),
    cause: present(fields['cause']),
    mode: present(fields['mode']),
    recorder: present(fields['recorder']),
  }
  if (ev === 'server-exit') return serverExit(common, fields)
  return ev === 'session-exit' ? sessionExit(common, fields) : undefined
}

/** Reads a whole exits.log, or several joined oldest first. Total over any text. */
export function parseExitsLog(text: string): ExitsLog {
  const records = new Map<string, ExitRecord>()
  let unreadable = 0
  for (const line of text.split('\n')) {
    for (const piece of line.split(BEGINNING)) {
      if (piece.trim() === '') continue
      const record = parseExitLine(piece)
      if (record === undefined) unreadable++
      else if (!records.has(record.id)) records.set(record.id, record)
    }
  }
  return { records: [...records.values()], unreadable }
}
