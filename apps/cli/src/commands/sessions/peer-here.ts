import { dirname } from 'node:path'
import { IapeerError } from '@iapeer/core/errors'
import { iapeerRoot } from '@iapeer/core/paths'
import { listPeers, type PeerEntry } from '@iapeer/core/registry'
import { usageError } from '../../exit-code.ts'

/** The directory, and every one that it lies in. */
function* upwards(directory: string): Generator<string> {
  for (let at = directory; ; at = dirname(at)) {
    yield at
    if (at === dirname(at)) return
  }
}

/**
 * The peer of the current directory: the nearest one whose home it is or lies in, else the nearest that runs in it.
 * @throws IapeerError `no-such-peer`, and a usage error where several run in it
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
      `Name one: iapeer new ${one.personality}`,
    )
  throw new IapeerError(`${here} is the directory of no peer`, {
    code: 'no-such-peer',
    hint: 'iapeer init makes it one; iapeer list shows who there is.',
  })
}
