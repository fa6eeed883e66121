import type { ExitRecord } from '@iapeer/forensics'

/** When a process died, and its pid: what a collector of evidence needs. */
export interface DeathAt {
  /** Epoch milliseconds. */
  readonly atMs: number
  /** Of the server or the leader; undefined where the record has none. */
  readonly pid: number | undefined
}

export const deathAt = (record: ExitRecord): DeathAt => ({
  atMs: Date.parse(record.ts),
  pid: record.event === 'server-exit' ? record.serverPid : record.leaderPid,
})
