import { IapeerError } from '@iapeer/core/errors'
import type { ExitRecord } from '@iapeer/forensics'
import { isOf } from '@iapeer/lifecycle'

/** What `deaths` shows of an id: enough of the generation to tell it from others. */
export function shortId(record: ExitRecord): string {
  const tail = record.id.slice(record.identity.length + 1)
  return record.gen === undefined ? tail : tail.slice(0, 8)
}

/**
 * An id, or the part of it that `deaths` shows, names one death; an identity or a peer's name the last one of theirs.
 * @throws IapeerError `no-such-death`
 */
export function findDeath(records: readonly ExitRecord[], name: string): ExitRecord {
  const short = records.filter((record) => shortId(record) === name)
  const found =
    records.find((record) => record.id === name) ??
    records.findLast((record) => isOf(record.identity, name)) ??
    (short.length === 1 ? short[0] : undefined)
  if (found !== undefined) return found
  throw new IapeerError(`no death is recorded of ${JSON.stringify(name)}`, {
    code: 'no-such-death',
    hint: 'iapeer deaths shows what is recorded.',
  })
}
