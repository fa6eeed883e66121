import { parseLogfmt } from '@iapeer/core/logfmt'

/** A section of a snapshot: its lines, or why the recorder could not read it. */
export type SnapshotSection =
  | { readonly kind: 'text'; readonly lines: readonly string[] }
  | { readonly kind: 'unavailable'; readonly why: string }

/** A parsed `server-deaths/<identity>-<gen>.txt`, or the `.addendum` beside it. */
export interface Snapshot {
  readonly kind: 'server-death' | 'session-death' | 'death-addendum'
  /** 1, or 0 for the older format, which has no field `format`. */
  readonly format: number
  /** Every field of the first line, as written. */
  readonly header: Readonly<Record<string, string>>
  readonly platform: 'linux' | 'darwin'
  readonly sections: ReadonlyMap<string, SnapshotSection>
  /** Whether the snapshot has its last line, `--- end`. The older format has no such line and counts as complete. */
  readonly complete: boolean
}

const KINDS = ['server-death', 'session-death', 'death-addendum'] as const
const SECTION = /^--- (\S+)(?: unavailable: (.*))?$/

interface Sections {
  readonly sections: Map<string, SnapshotSection>
  readonly ended: boolean
}

function readSections(lines: readonly string[]): Sections {
  const sections = new Map<string, SnapshotSection>()
  let body: string[] | undefined
  for (const line of lines) {
    const [, name, why] = SECTION.exec(line) ?? []
    if (name === undefined) body?.push(line)
    else if (name === 'end') return { sections, ended: true }
    else if (sections.has(name)) body = undefined
    else if (why !== undefined) {
      sections.set(name, { kind: 'unavailable', why })
      body = undefined
    } else {
      body = []
      sections.set(name, { kind: 'text', lines: body })
    }
  }
  return { sections, ended: false }
}

/** Parses a snapshot of either format. Never throws; returns undefined if the first line is not that of a snapshot. */
export function parseSnapshot(text: string): Snapshot | undefined {
  const lines = text.split(/\r?\n/)
  const last = lines.pop() ?? ''
  const [first = last, ...rest] = lines
  const kind = KINDS.find((one) => first === one || first.startsWith(`${one} `))
  if (kind === undefined) return undefined
  const header = parseLogfmt(first).fields
  const format = /^\d{1,3}$/.test(header['format'] ?? '') ? Number(header['format']) : 0
  // A last line without a line feed is incomplete and is dropped: half a number is a wrong number.
  if (last !== '' && lines.length > 0 && (format === 0 || last === '--- end')) rest.push(last)
  const { sections, ended } = readSections(rest)
  const platform =
    header['platform'] === 'darwin' || (format === 0 && sections.has('vm_stat')) ? 'darwin' : 'linux'
  return { kind, format, header, platform, sections, complete: ended || (format === 0 && sections.size > 0) }
}

/** Returns the lines of a section; none if it is missing or unavailable. */
export function sectionLines(snapshot: Snapshot, name: string): readonly string[] {
  const section = snapshot.sections.get(name)
  return section?.kind === 'text' ? section.lines : []
}

function concatenated(earlier: SnapshotSection | undefined, later: SnapshotSection): SnapshotSection {
  if (earlier?.kind !== 'text') return later
  return later.kind === 'text' ? { kind: 'text', lines: [...earlier.lines, ...later.lines] } : earlier
}

/**
 * Merges a snapshot and its addendum: in a section of both, the lines of the addendum follow those of the snapshot. Either
 * may be undefined.
 */
export function withAddendum(
  snapshot: Snapshot | undefined,
  addendum: Snapshot | undefined,
): Snapshot | undefined {
  if (snapshot === undefined || addendum === undefined) return snapshot ?? addendum
  const sections = new Map(snapshot.sections)
  for (const [name, later] of addendum.sections) sections.set(name, concatenated(sections.get(name), later))
  return { ...snapshot, sections }
}
