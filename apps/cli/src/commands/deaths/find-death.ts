import { IapeerError } from '@iapeer/core/errors'
import { isIdentity, matchesPeer, parseIdentity } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import type { ExitRecord } from '@iapeer/forensics'
import { recordOfId } from '@iapeer/lifecycle/deaths'
import { lastRenameOf, readRenames } from '@iapeer/lifecycle/sessions'
import { usageError } from '../../exit-code.ts'
import { timeText } from '../../times.ts'

/** Returns the id that `deaths` prints: the first digits of the generation, which distinguish it from others. */
export function shortId(record: ExitRecord): string {
  return record.gen === undefined ? record.id.slice(record.identity.length + 1) : record.gen.slice(0, 8)
}

/** The fewest characters of an id that select a death, so that a mistyped name is not taken for an id. */
const MIN_PREFIX = 4
/** How many ids the error about an ambiguous prefix names, the latest. */
const MOST_CANDIDATES = 4

/** Returns the deaths whose id, or whose generation, begins with a text. */
const withPrefix = (records: readonly ExitRecord[], prefix: string): readonly ExitRecord[] =>
  prefix.length < MIN_PREFIX
    ? []
    : records.filter(
        (record) => record.id.startsWith(prefix) || (record.gen ?? shortId(record)).startsWith(prefix),
      )

/**
 * Finds a death by its id or any unambiguous prefix of its id or generation, or the last death of an identity or a peer.
 * @param name undefined for the last death of all
 * @throws IapeerError `no-such-death`; `usage` if several deaths have the prefix
 */
export function findDeath(records: readonly ExitRecord[], name: string | undefined): ExitRecord {
  if (name === undefined) return lastDeath(records)
  const found = recordOfId(records, name) ?? records.findLast((record) => matchesPeer(record.identity, name))
  if (found !== undefined) return found
  const [first, ...more] = withPrefix(records, name)
  if (first !== undefined && more.length === 0) return first
  if (first !== undefined)
    throw usageError(
      `${JSON.stringify(name)} is ambiguous: ${more.length + 1} deaths have an id that begins so`,
      `Use more characters: ${[first, ...more]
        .slice(-MOST_CANDIDATES)
        .map((one) => one.id)
        .join(', ')}`,
    )
  throw new IapeerError(`no death of ${JSON.stringify(name)} is recorded`, {
    code: 'no-such-death',
    hint: renamedHint(name) ?? 'iapeer deaths lists the recorded deaths.',
  })
}

/** Returns the latest death; deaths are recorded in another order if one is found afterwards. */
function lastDeath(records: readonly ExitRecord[]): ExitRecord {
  const last = records.reduce<ExitRecord | undefined>(
    (latest, one) => (latest === undefined || Date.parse(one.ts) >= Date.parse(latest.ts) ? one : latest),
    undefined,
  )
  if (last !== undefined) return last
  throw new IapeerError('no deaths recorded', {
    code: 'no-such-death',
    hint: 'iapeer list shows the peers, and iapeer status what is watched.',
  })
}

/** Returns a hint to the deaths of a peer that had this name formerly; undefined if no peer had it. */
export function renamedHint(name: string): string | undefined {
  const personality = isIdentity(name) ? parseIdentity(name)?.personality : name
  const last = personality === undefined ? undefined : lastRenameOf(readRenames(iapeerRoot()), personality)
  return (
    last && `${last.from} was renamed to ${last.to} ${timeText(last.ts)}: iapeer deaths --peer ${last.to}`
  )
}
