import { IapeerError } from '@iapeer/core/errors'
import { isIdentity, matchesPeer, parseIdentity } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import type { ExitRecord } from '@iapeer/forensics'
import { recordOfId } from '@iapeer/lifecycle/deaths'
import { lastRenameOf, readRenames } from '@iapeer/lifecycle/sessions'
import { localTime } from '../../output.ts'

/** Returns the id that `deaths` prints: the first digits of the generation, which distinguish it from others. */
export function shortId(record: ExitRecord): string {
  return record.gen === undefined ? record.id.slice(record.identity.length + 1) : record.gen.slice(0, 8)
}

/**
 * Finds a death by its id or short id, or the last death of an identity or a peer.
 * @throws IapeerError `no-such-death`
 */
export function findDeath(records: readonly ExitRecord[], name: string): ExitRecord {
  const short = records.filter((record) => shortId(record) === name)
  const found =
    recordOfId(records, name) ??
    records.findLast((record) => matchesPeer(record.identity, name)) ??
    (short.length === 1 ? short[0] : undefined)
  if (found !== undefined) return found
  throw new IapeerError(`no death of ${JSON.stringify(name)} is recorded`, {
    code: 'no-such-death',
    hint: renamedHint(name) ?? 'iapeer deaths lists the recorded deaths.',
  })
}

/** Returns a hint to the deaths of a peer that had this name formerly; undefined if no peer had it. */
export function renamedHint(name: string): string | undefined {
  const personality = isIdentity(name) ? parseIdentity(name)?.personality : name
  const last = personality === undefined ? undefined : lastRenameOf(readRenames(iapeerRoot()), personality)
  return (
    last && `${last.from} was renamed to ${last.to} on ${localTime(last.ts)}: iapeer deaths --peer ${last.to}`
  )
}
