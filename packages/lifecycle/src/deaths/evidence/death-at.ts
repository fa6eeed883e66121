import type { ExitRecord } from '@iapeer/forensics'

/** What a collector needs to know of a death. */
export interface DeathAt {
  /** Epoch milliseconds. */
  readonly atMs: number
  /** Of what ended; undefined where the record does not say. */
  readonly pid: number | undefined
}

export const deathAt = (record: ExitRecord): DeathAt => ({
  atMs: Date.parse(record.ts),
  pid: record.event === 'server-exit' ? record.serverPid : record.leaderPid,
})
