import { parseLogfmt } from '@iapeer/core/logfmt'
import { canonicalSignal, signalOfWaitStatus } from './signal-name.ts'

/** The fields of both kinds of death. An unknown value is undefined, and absent in JSON. */
interface DeathCommon {
  /** `<identity>-<gen>`; lines of older versions have no gen: `<identity>-<epoch seconds>`. */
  readonly id: string
  /** The time of death, ISO-8601 UTC; with `seenAlive` the time at which the death was found. */
  readonly ts: string
  /** If the time of death is not known: the last time at which the process was seen alive, ISO-8601 UTC. */
  readonly seenAlive?: string | undefined
  readonly identity: string
  readonly gen?: string | undefined
  /** Path of the snapshot. */
  readonly forensics?: string | undefined
  readonly cause?: string | undefined
  readonly mode?: string | undefined
  readonly recorder?: string | undefined
}

/** The death of a tmux server. */
export interface ServerExit extends DeathCommon {
  readonly event: 'server-exit'
  readonly cause: string
  readonly serverPid?: number | undefined
  /** In mode guard the server's wait status, in mode watch the exit code of the watching client. 0..255. */
  readonly waitStatus?: number | undefined
  /** The canonical name (`SIGKILL`); known in mode guard only. */
  readonly signal?: string | undefined
}

/** The death of the leader of a session (the agent). */
export interface SessionExit extends DeathCommon {
  readonly event: 'session-exit'
  readonly exitCode?: number | undefined
  readonly signal?: string | undefined
  readonly leaderPid?: number | undefined
}

export type ExitRecord = ServerExit | SessionExit

/** The content of exits.log. */
export interface ExitsLog {
  /** In the order of the file. Of several lines with the same id, the first complete one. */
  readonly records: readonly ExitRecord[]
  /** The number of pieces that are not a complete record: torn writes, foreign lines. */
  readonly unreadable: number
}

/** The start of a record. A full disk tears and merges lines, so a record can start in the middle of a line. */
const RECORD_START = /(?=ts=\d{4}-\d\d-\d\dT[\d:.]+Z ev=(?:server|session)-exit )/

type Fields = Readonly<Record<string, string>>

const present = (text: string | undefined): string | undefined => (text === '' ? undefined : text)

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined
}

function waitStatusOf(text: string | undefined): number | undefined {
  const status = wholeNumber(text)
  return status !== undefined && status <= 255 ? status : undefined
}

/** Adds properties to a new object. A log has many thousand records, and a spread takes ten times as long. */
const extended = <More extends object>(common: DeathCommon, more: More): DeathCommon & More =>
  Object.assign(common, more)

function serverExit(common: DeathCommon, fields: Fields): ServerExit | undefined {
  const cause = present(fields['cause'])
  if (cause === undefined) return undefined
  const waitStatus = waitStatusOf(fields['wait_rc'])
  const named = canonicalSignal(fields['signal'] ?? '')
  const signal =
    named ??
    (common.mode === 'guard' && waitStatus !== undefined ? signalOfWaitStatus(waitStatus) : undefined)
  const serverPid = wholeNumber(fields['server_pid'])
  return extended(common, { event: 'server-exit' as const, cause, serverPid, waitStatus, signal })
}

function sessionExit(common: DeathCommon, fields: Fields): SessionExit {
  const exitCode = waitStatusOf(fields['dead_status'])
  const signal = canonicalSignal(fields['dead_signal'] ?? '')
  const leaderPid = wholeNumber(fields['leader_pid'])
  return extended(common, { event: 'session-exit' as const, exitCode, signal, leaderPid })
}

/** Parses one line of exits.log. Never throws; returns undefined for anything that is not exactly one complete record. */
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
    identity,
    gen,
    forensics: present(fields['forensics']),
    cause: present(fields['cause']),
    mode: present(fields['mode']),
    recorder: present(fields['recorder']),
  }
  if (seenAlive !== undefined) Object.assign(common, { seenAlive })
  if (ev === 'server-exit') return serverExit(common, fields)
  return ev === 'session-exit' ? sessionExit(common, fields) : undefined
}

/**
 * Parses an exits.log, or several that are concatenated, the oldest first. Accepts any text and never throws. Of two lines of one death
 * the first counts, unless it is the beginning of the other: a full disk took only that part, and the recorder wrote it again.
 */
export function parseExitsLog(text: string): ExitsLog {
  const found = new Map<string, { readonly record: ExitRecord; readonly piece: string }>()
  let unreadable = 0
  for (const line of text.split('\n')) {
    for (const piece of line.split(RECORD_START)) {
      if (piece.trim() === '') continue
      const record = parseExitLine(piece)
      if (record === undefined) {
        unreadable++
        continue
      }
      const earlier = found.get(record.id)?.piece
      if (earlier !== undefined) {
        if (piece === earlier || !piece.startsWith(earlier)) continue
        unreadable++
      }
      found.set(record.id, { record, piece })
    }
  }
  return { records: [...found.values()].map(({ record }) => record), unreadable }
}
