import { dirname } from 'node:path'
import { IapeerError } from '@iapeer/core/errors'
import { iapeerRoot } from '@iapeer/core/paths'
import { listPeers, type PeerEntry } from '@iapeer/core/registry'
import { usageError } from '../../exit-code.ts'

/** Yields a directory and all its parents. */
function* upwards(directory: string): Generator<string> {
  for (let at = directory; ; at = dirname(at)) {
    yield at
    if (at === dirname(at)) return
  }
}

/**
 * Returns the peer of the current directory: the peer whose home is the nearest parent, else the peer that runs in the nearest
 * parent. A directory counts as its own parent.
 * @throws IapeerError `no-such-peer`; `usage` if several peers run in that directory
 */
export async function peerHere(): Promise<PeerEntry> {
  const entries = await listPeers(iapeerRoot())
  const here = process.cwd()
  const of = (field: 'home' | 'cwd'): PeerEntry[] => {
    for (const directory of upwards(here)) {
      const found = entries.filter((entry) => entry[field] === directory)
      if (found.length > 0) return found
    }
    return []
  }
  const [one, ...more] = [...of('home').slice(0, 1), ...(of('home').length > 0 ? [] : of('cwd'))]
  if (one !== undefined && more.length === 0) return one
  if (one !== undefined)
    throw usageError(
      `several peers run in ${here}: ${[one, ...more].map((entry) => entry.personality).join(', ')}`,
      `Name one of them: iapeer restart --fresh ${one.personality}`,
    )
  throw new IapeerError(`no peer has its home in ${here} or runs there`, {
    code: 'no-such-peer',
    hint: 'Create one with iapeer init; iapeer list lists the peers.',
  })
}
