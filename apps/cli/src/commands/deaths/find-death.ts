import { IapeerError } from '@iapeer/core/errors'
import { isIdentity, matchesPeer, parseIdentity } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import type { ExitRecord } from '@iapeer/forensics'
import { recordOfId } from '@iapeer/lifecycle/deaths'
import { lastRenameOf, readRenames } from '@iapeer/lifecycle/sessions'
import { localTime } from '../../output.ts'

/** What `deaths` shows of an id: enough of the generation to tell it from others. */
export function shortId(record: ExitRecord): string {
  return record.gen === undefined ? record.id.slice(record.identity.length + 1) : record.gen.slice(0, 8)
}

/**
 * An id, or the part of it that `deaths` shows, names one death; an identity or a peer's name the last one of theirs.
 * @throws IapeerError `no-such-death`
 */
export function findDeath(records: readonly ExitRecord[], name: string): ExitRecord {
  const short = records.filter((record) => shortId(record) === name)
  const found =
    recordOfId(records, name) ??
    records.findLast((record) => matchesPeer(record.identity, name)) ??
    (short.length === 1 ? short[0] : undefined)
  if (found !== undefined) return found
  throw new IapeerError(`no death is recorded of ${JSON.stringify(name)}`, {
    code: 'no-such-death',
    hint: renamedHint(name) ?? 'iapeer deaths shows what is recorded.',
  })
}

/** Where the deaths of a peer are that had this name once; undefined where none had it. */
export function renamedHint(name: string): string | undefined {
  const personality = isIdentity(name) ? parseIdentity(name)?.personality : name
  const last = personality === undefined ? undefined : lastRenameOf(readRenames(iapeerRoot()), personality)
  return (
    last && `${last.from} was renamed to ${last.to} on ${localTime(last.ts)}: iapeer deaths --peer ${last.to}`
  )
}
