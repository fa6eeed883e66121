import { statSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import type { Identity } from '@iapeer/core/identity'
import { rootLayout } from '@iapeer/core/paths'
import { namesIn } from '@iapeer/core/storage'
import { ignoreUnreadable, type Mark, ownerOf, type PeerSession, readSession } from '../sessions/index.ts'

const SUFFIX = '.session'

interface Cached {
  readonly stamp: string
  readonly session: PeerSession
}

/**
 * The enrolled sessions; a file is read again only when it has changed, so that looking each second costs nearly nothing.
 * Writers replace their files, which is a change of the directory; that is all that is looked at, but by a close look.
 */
export interface SessionCache {
  readonly list: (closely?: boolean) => Promise<readonly PeerSession[]>
  /** What was asked of an identity, as of the last `list`. */
  readonly hasMark: (identity: Identity, mark: Mark) => boolean
}

/** Clocks of file systems are coarse: what has changed so lately may change again within one stamp. */
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

/** When a directory has changed; undefined where that may not be the last change of this moment. */
function settledStamp(directory: string): string | undefined {
  const found = statSync(directory, { throwIfNoEntry: false })
  if (found === undefined || Math.abs(Date.now() - found.mtimeMs) < SETTLED_MS) return undefined
  return `${found.ino}:${found.mtimeMs}`
}

export function createSessionCache(root: string): SessionCache {
  const directory = rootLayout(root).lifecycleStateDir
  let known = new Map<string, Cached>()
  let names: ReadonlySet<string> = new Set()
  let sessions: readonly PeerSession[] = []
  let settled: string | undefined
  return {
    hasMark: (identity, mark) => names.has(`${identity}.${mark}`),
    list: async (closely = true) => {
      const stamp = settledStamp(directory)
      if (!closely && stamp !== undefined && stamp === settled) return sessions
      const next = new Map<string, Cached>()
      names = new Set(await namesIn(directory))
      for (const name of names) {
        const identity = ownerOf(name, SUFFIX)
        if (identity === undefined) continue
        const own = stampOf(join(directory, name))
        if (own === undefined) continue
        const cached = known.get(name)
        const session =
          cached?.stamp === own ? cached.session : await readSession(root, identity).catch(ignoreUnreadable)
        if (session !== undefined) next.set(name, { stamp: own, session })
      }
      known = next
      sessions = [...next.values()].map((one) => one.session)
      settled = stamp
      return sessions
    },
  }
}
