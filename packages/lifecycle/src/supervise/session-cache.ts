import { statSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import type { Identity } from '@iapeer/core/identity'
import { rootLayout } from '@iapeer/core/paths'
import { namesIn } from '@iapeer/core/storage'
import {
  ignoreUnreadable,
  type Mark,
  marksAmong,
  ownerOf,
  type PeerSession,
  readSession,
} from '../sessions/index.ts'

const SUFFIX = '.session'

interface Cached {
  readonly stamp: string
  readonly session: PeerSession
}

/**
 * A cache of the enrolled sessions. It reads a file again only if the file has changed, so that a sweep each second is cheap.
 * Writers replace their files, which changes the directory, so a sweep checks only the directory; a thorough one checks each file.
 */
export interface SessionCache {
  /** Returns the enrolled sessions. @param isThorough whether to check each file, not only the directory. @default true */
  readonly list: (isThorough?: boolean) => Promise<readonly PeerSession[]>
  /** Returns whether an identity had a mark at the last `list`. */
  readonly hasMark: (identity: Identity, mark: Mark) => boolean
}

/** File timestamps are coarse: a directory that changed more recently than this may change again with the same timestamp. */
const SETTLED_MS = 2_000

function stampOf(path: string): string | undefined {
  try {
    const { ino, mtimeMs, size } = statSync(path)
    return `${ino}:${mtimeMs}:${size}`
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Returns the state of a directory for comparison; undefined if it changed so recently that another change might go unnoticed.
 */
function settledStamp(directory: string): string | undefined {
  const found = statSync(directory, { throwIfNoEntry: false })
  if (found === undefined || Math.abs(Date.now() - found.mtimeMs) < SETTLED_MS) return undefined
  return `${found.ino}:${found.mtimeMs}`
}

/** Creates the session cache of a root. */
export function createSessionCache(root: string): SessionCache {
  const directory = rootLayout(root).lifecycleStateDir
  let known = new Map<string, Cached>()
  let marks: ReadonlyMap<string, ReadonlySet<Mark>> = new Map()
  let sessions: readonly PeerSession[] = []
  let settled: string | undefined
  return {
    hasMark: (identity, mark) => marks.get(identity)?.has(mark) === true,
    list: async (isThorough = true) => {
      const stamp = settledStamp(directory)
      if (!isThorough && stamp !== undefined && stamp === settled) return sessions
      const next = new Map<string, Cached>()
      const names = await namesIn(directory)
      marks = marksAmong(names)
      for (const name of names) {
        const identity = ownerOf(name, SUFFIX)
        if (identity === undefined) continue
        const fileStamp = stampOf(join(directory, name))
        if (fileStamp === undefined) continue
        const cached = known.get(name)
        const session =
          cached?.stamp === fileStamp
            ? cached.session
            : await readSession(root, identity).catch(ignoreUnreadable)
        if (session !== undefined) next.set(name, { stamp: fileStamp, session })
      }
      known = next
      sessions = [...next.values()].map((one) => one.session)
      settled = stamp
      return sessions
    },
  }
}
