import { statSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import type { Identity } from '@iapeer/core/identity'
import { rootLayout } from '@iapeer/core/paths'
import { namesIn } from '@iapeer/core/storage'
import type { Mark } from '../sessions/marks.ts'
import { type PeerSession, readSession } from '../sessions/session-file.ts'
import { ownerOf, passOver } from '../sessions/state-files.ts'

const SUFFIX = '.session'

interface Cached {
  readonly stamp: string
  readonly session: PeerSession
}

/** The enrolled sessions; a file is read again only when it has changed, so that looking each second costs nearly nothing. */
export interface SessionCache {
  readonly list: () => Promise<readonly PeerSession[]>
  /** What was asked of an identity, as of the last `list`. */
  readonly hasMark: (identity: Identity, mark: Mark) => boolean
}

function stampOf(path: string): string | undefined {
  try {
    const { ino, mtimeMs, size } = statSync(path)
    return `${ino}:${mtimeMs}:${size}`
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

export function createSessionCache(root: string): SessionCache {
  const folder = rootLayout(root).lifecycleStateDir
  let known = new Map<string, Cached>()
  let names: ReadonlySet<string> = new Set()
  return {
    hasMark: (identity, mark) => names.has(`${identity}.${mark}`),
    list: async () => {
      const next = new Map<string, Cached>()
      names = new Set(await namesIn(folder))
      for (const name of names) {
        const identity = ownerOf(name, SUFFIX)
        if (identity === undefined) continue
        const stamp = stampOf(join(folder, name))
        if (stamp === undefined) continue
        const cached = known.get(name)
        const session =
          cached?.stamp === stamp ? cached.session : await readSession(root, identity).catch(passOver)
        if (session !== undefined) next.set(name, { stamp, session })
      }
      known = next
      return [...next.values()].map((one) => one.session)
    },
  }
}
