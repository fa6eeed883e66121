import { readlink } from 'node:fs/promises'
import { errnoOf } from '@iapeer/core/errors'
import type { Identity } from '@iapeer/core/identity'
import { rootRecordPlace } from '@iapeer/core/paths'
import { generationPaths } from '@iapeer/tmux'

/** What the claim of a generation says: the truth of how it ended. */
export interface Claim {
  /** An exit code, `k<signal>`, `boot`, `lost`, `removed` or `unknown`. */
  readonly rc: string
  readonly event: 'server-exit' | 'session-exit'
  /** The host was going down at that moment. */
  readonly isShutdown: boolean
  /** ISO-8601 UTC. */
  readonly ts: string
}

/** The files of one generation under a root. */
export const filesOfGen = (
  root: string,
  identity: Identity,
  gen: string,
): ReturnType<typeof generationPaths> => generationPaths({ identity, gen, ...rootRecordPlace(root) })

function parseClaim(text: string): Claim {
  const fields = new Map(
    text.split(',').map((field) => {
      const at = field.indexOf('=')
      return [field.slice(0, at), field.slice(at + 1)]
    }),
  )
  // Seconds where the system has no milliseconds.
  const stamp = fields.get('ts') ?? ''
  const ms = Number(stamp) * (stamp.length > 11 ? 1 : 1_000)
  return {
    rc: fields.get('rc') ?? '',
    event: fields.get('ev') === 'session' ? 'session-exit' : 'server-exit',
    isShutdown: fields.get('c') === 'hs',
    ts: new Date(ms > 0 && ms < 8.64e15 ? ms : Date.now()).toISOString(),
  }
}

/** Undefined while nobody has claimed the end of that generation. */
export async function readClaim(root: string, identity: Identity, gen: string): Promise<Claim | undefined> {
  try {
    return parseClaim(await readlink(filesOfGen(root, identity, gen).claim))
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT' || code === 'EINVAL') return undefined
    throw error
  }
}

/** Whether the end of a generation is recorded, or is being recorded. */
export async function isClaimed(root: string, identity: Identity, gen: string): Promise<boolean> {
  return (await readClaim(root, identity, gen)) !== undefined
}
