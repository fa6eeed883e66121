import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { type PeerSession, usageKey } from '../sessions/index.ts'

const MOUNT = '/sys/fs/cgroup'

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}

/** Returns the cgroup of a process (version 2), for example `/user.slice/iapeer/bob`; undefined if it cannot be read. */
const cgroupOf = (pid: number): string | undefined =>
  /^0::(\/.*)$/m.exec(textOf(`/proc/${pid}/cgroup`) ?? '')?.[1]

/** The cgroups of the programs of one session, and of its tmux server. */
interface SessionCgroups {
  readonly key: string
  readonly leader: string | undefined
  readonly server: string | undefined
}

/**
 * Returns the cgroup of each session that has one of its own: the program is in another one than its tmux server, and no other
 * program is in it. Pure.
 */
export function ownCgroups(sessions: readonly SessionCgroups[]): ReadonlyMap<string, string> {
  const counts = new Map<string, number>()
  for (const { leader, server } of sessions)
    for (const path of new Set([leader, server]))
      if (path !== undefined) counts.set(path, (counts.get(path) ?? 0) + 1)
  return new Map(
    sessions.flatMap(({ key, leader, server }) => {
      const isOwn = leader !== undefined && leader !== '/' && leader !== server && counts.get(leader) === 1
      return isOwn ? [[key, leader] as const] : []
    }),
  )
}

/** The cgroups that belong to one session alone: their memory takes one read. Linux with cgroup version 2. */
export class OwnCgroups {
  /** The file with the memory of each session that has a cgroup of its own. */
  #files: ReadonlyMap<string, string> = new Map()

  /** Finds them again. */
  find(sessions: readonly PeerSession[]): void {
    if (!existsSync(join(MOUNT, 'cgroup.controllers'))) return
    const found = ownCgroups(
      sessions.map((session) => ({
        key: usageKey(session),
        leader: cgroupOf(session.leader.pid),
        server: cgroupOf(session.server.pid),
      })),
    )
    this.#files = new Map([...found].map(([key, path]) => [key, join(MOUNT, path, 'memory.current')]))
  }

  /** Returns the memory of the cgroup of a session, in bytes; undefined if it has none of its own. */
  memoryOf(session: PeerSession): number | undefined {
    const file = this.#files.get(usageKey(session))
    const bytes = Number(file === undefined ? Number.NaN : (textOf(file) ?? Number.NaN))
    return Number.isNaN(bytes) ? undefined : bytes
  }
}
