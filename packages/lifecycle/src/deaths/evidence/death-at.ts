import type { ExitRecord } from '@iapeer/forensics'

/** When a process died, and its pid: what a collector of evidence needs. */
export interface DeathAt {
  /** Epoch milliseconds: the time of death, or when it was found. */
  readonly atMs: number
  /** When it was last seen running, if `atMs` is when it was found; else `atMs`. Epoch milliseconds. */
  readonly fromMs: number
  /** Of the server or the leader; undefined where the record has none. */
  readonly pid: number | undefined
}

export function deathAt(record: ExitRecord): DeathAt {
  const atMs = Date.parse(record.ts)
  return {
    atMs,
    fromMs: Math.min(atMs, Date.parse(record.seenAlive ?? record.ts)),
    pid: record.event === 'server-exit' ? record.serverPid : record.leaderPid,
  }
}
