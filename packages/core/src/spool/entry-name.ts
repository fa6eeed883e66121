import { type ProcessId, parseProcessId } from '../process/index.ts'

/** An entry of a spool, as its file name states it. */
export interface SpoolEntry {
  /** What the entry is: at most one entry of a spool has a key. Letters, digits, `_` and `-`. */
  readonly key: string
  /** When it was put into the spool, in milliseconds since the epoch. */
  readonly createdMs: number
  /** How often it was claimed. */
  readonly attempts: number
  /** When it is to be handled, in milliseconds since the epoch. */
  readonly dueMs: number
}

/** A file of a spool: an entry that waits, or one that a process has claimed. */
export interface SpoolFile extends SpoolEntry {
  readonly name: string
  /** The process that handles the entry. */
  readonly claimedBy?: ProcessId
}

/** Keeps a file name below the 255 bytes that file systems allow. */
export const KEY_MAX = 150

const NAME = /^(\d{1,15})\.([\w-]{1,150})\.(\d{1,6})\.(\d{1,15})\.(json|taken-(\d+)-([\w%]+))$/

// A token is digits on Linux, and a date with spaces and colons elsewhere.
const encodeToken = (token: string): string =>
  encodeURIComponent(token).replace(/[^\w%]/g, (mark) => `%${mark.charCodeAt(0).toString(16)}`)

/** Returns the file name of an entry: `<created>.<key>.<attempts>.<due>.json`, or `….taken-<pid>-<token>`. */
export function entryName({ createdMs, key, attempts, dueMs }: SpoolEntry, claimedBy?: ProcessId): string {
  const end = claimedBy === undefined ? 'json' : `taken-${claimedBy.pid}-${encodeToken(claimedBy.token)}`
  return `${createdMs}.${key}.${attempts}.${dueMs}.${end}`
}

/** Parses the file name of an entry; undefined for any other name. */
export function parseEntryName(name: string): SpoolFile | undefined {
  const [, createdMs, key, attempts, dueMs, end, pid, token] = NAME.exec(name) ?? []
  if (key === undefined || end === undefined) return undefined
  const entry = {
    name,
    key,
    createdMs: Number(createdMs),
    attempts: Number(attempts),
    dueMs: Number(dueMs),
  }
  if (end === 'json') return entry
  const claimedBy = parseProcessId(`${pid}:${decode(token ?? '')}`)
  return claimedBy === undefined ? undefined : { ...entry, claimedBy }
}

function decode(token: string): string {
  try {
    return decodeURIComponent(token)
  } catch (error) {
    if (error instanceof URIError) return token
    throw error
  }
}
