import { parseLogfmt } from '@iapeer/core/logfmt'

export type SnapshotSection =
  | { readonly kind: 'text'; readonly lines: readonly string[] }
  | { readonly kind: 'unavailable'; readonly why: string }

/** A parsed `server-deaths/<identity>-<gen>.txt`, or the `.addendum` beside it. */
export interface Snapshot {
  readonly kind: 'server-death' | 'session-death' | 'death-addendum'
  /** 1, or 0 for the older form without `format`. */
  readonly format: number
  /** Every field of the first line, as written. */
  readonly header: Readonly<Record<string, string>>
  readonly platform: 'linux' | 'darwin'
  readonly sections: ReadonlyMap<string, SnapshotSection>
  /** Whether the last section was finished; the older form cannot tell, and is taken as whole. */
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

/** Reads a snapshot of either form. Total: undefined when the first line is not one of a snapshot. */
export function parseSnapshot(text: string): Snapshot | undefined {
  const lines = text.split(/\r?\n/)
  const last = lines.pop() ?? ''
  const [first = last, ...rest] = lines
  const kind = KINDS.find((one) => first === one || first.startsWith(`${one} `))
  if (kind === undefined) return undefined
  const header = parseLogfmt(first).fields
  const format = /^\d{1,3}$/.test(header['format'] ?? '') ? Number(header['format']) : 0
  // A last line without its end was cut while it was written: half a number is a wrong number.
  if (last !== '' && lines.length > 0 && (format === 0 || last === '--- end')) rest.push(last)
  const { sections, ended } = readSections(rest)
  const platform =
    header['platform'] === 'darwin' || (format === 0 && sections.has('vm_stat')) ? 'darwin' : 'linux'
  return { kind, format, header, platform, sections, complete: ended || (format === 0 && sections.size > 0) }
}

/** The lines of a section, none when it is missing or unavailable. */
export function sectionLines(snapshot: Snapshot, name: string): readonly string[] {
  const section = snapshot.sections.get(name)
  return section?.kind === 'text' ? section.lines : []
}

function joined(before: SnapshotSection | undefined, later: SnapshotSection): SnapshotSection {
  if (before?.kind !== 'text') return later
  return later.kind === 'text' ? { kind: 'text', lines: [...before.lines, ...later.lines] } : before
}

/**
 * A snapshot with what was only known some time after it: the lines of a section of both stand behind each other. Either
 * may be missing.
 */
export function withAddendum(
  snapshot: Snapshot | undefined,
  addendum: Snapshot | undefined,
): Snapshot | undefined {
  if (snapshot === undefined || addendum === undefined) return snapshot ?? addendum
  const sections = new Map(snapshot.sections)
  for (const [name, later] of addendum.sections) sections.set(name, joined(sections.get(name), later))
  return { ...snapshot, sections }
}
