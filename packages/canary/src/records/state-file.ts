import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import type { RecordLayout } from '@iapeer/core/paths'
import { formatProcessId, type ProcessId, parseProcessId } from '@iapeer/core/process'
import { readIfExists } from '@iapeer/core/storage'

/** The parsed state file of a recorder, `state/canary/<identity>-<gen>`. */
export interface CanaryRecord {
  readonly identity: string
  /** One run of one server, 16 hex digits. */
  readonly gen: string
  readonly mode: 'watch' | 'guard'
  readonly recorder: ProcessId
  readonly server: ProcessId
  /** The client that a watch holds. */
  readonly client: ProcessId | undefined
  readonly socketPath: string
  readonly socketId: string
  readonly boot: string
  /** Directory of the scripts it runs from. */
  readonly lib: string
  /** 1 if the file does not state it: that recorder does not learn that its peer was renamed. */
  readonly format: number
}

/** The file name of a generation: its last 16 hex digits are the gen, and the identity may contain hyphens. */
const GENERATION_NAME = /^(.+)-([0-9a-f]{16})$/

export interface GenerationName {
  readonly identity: string
  readonly gen: string
}

export function parseGenerationName(name: string): GenerationName | undefined {
  const [, identity, gen] = GENERATION_NAME.exec(name) ?? []
  return identity === undefined || gen === undefined ? undefined : { identity, gen }
}

/** Parses `KEY=VALUE` lines. The first `=` ends the key; lines without one are skipped. */
export function parseKeyValues(text: string): Map<string, string> {
  const values = new Map<string, string>()
  for (const line of text.split('\n')) {
    const at = line.indexOf('=')
    if (at > 0) values.set(line.slice(0, at), line.slice(at + 1))
  }
  return values
}

/** Returns the names in a directory; empty if it does not exist. */
export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}

function parseCanaryRecord(name: GenerationName, text: string): CanaryRecord | undefined {
  const values = parseKeyValues(text)
  const recorder = parseProcessId(values.get('recorder') ?? '')
  const server = parseProcessId(values.get('server') ?? '')
  const mode = values.get('mode')
  const socketPath = values.get('socket')
  if (recorder === undefined || server === undefined || socketPath === undefined) return undefined
  if (mode !== 'watch' && mode !== 'guard') return undefined
  return {
    ...name,
    mode,
    recorder,
    server,
    client: parseProcessId(values.get('client') ?? ''),
    socketPath,
    socketId: values.get('socket_id') ?? '-',
    boot: values.get('boot') ?? '-',
    lib: values.get('lib') ?? '',
    format: Number(values.get('format') ?? 1),
  }
}

/** Reads the state file of one generation; undefined if there is none. */
export function readCanaryRecord(
  layout: RecordLayout,
  name: GenerationName,
): CanaryRecord | 'corrupt' | undefined {
  const text = readIfExists(join(layout.canaryDir, `${name.identity}-${name.gen}`))
  return text === undefined ? undefined : (parseCanaryRecord(name, text) ?? 'corrupt')
}

export interface CanaryRecords {
  readonly records: CanaryRecord[]
  readonly corrupt: GenerationName[]
}

/** Reads every state file, or those of one identity. */
export function readCanaryRecords(layout: RecordLayout, identity?: string): CanaryRecords {
  const records: CanaryRecord[] = []
  const corrupt: GenerationName[] = []
  for (const entry of namesIn(layout.canaryDir)) {
    if (identity !== undefined && !entry.startsWith(identity)) continue
    const name = parseGenerationName(entry)
    if (name === undefined || (identity !== undefined && name.identity !== identity)) continue
    const record = readCanaryRecord(layout, name)
    if (record === 'corrupt') corrupt.push(name)
    else if (record !== undefined) records.push(record)
  }
  return { records, corrupt }
}

/** Returns the directory of the notes about watches that could not be armed, one file each, named after the identity. */
export const failuresDirOf = (layout: RecordLayout): string => join(layout.stateDir, 'failures')

/** Returns the path of the marker that dismisses the recorder of a generation. */
export const dismissalOf = (layout: RecordLayout, { identity, gen }: GenerationName): string =>
  join(layout.canaryDir, `${identity}-${gen}.dismiss`)

/** Returns whether this very recorder is dismissed; a marker for its predecessor does not count. */
export function isDismissed(layout: RecordLayout, record: CanaryRecord): boolean {
  return readIfExists(dismissalOf(layout, record))?.trim() === formatProcessId(record.recorder)
}

/** Returns the path of the launcher's note about the socket of a guarded server, made after the guard's state file. */
export const socketNoteOf = (layout: RecordLayout, { identity, gen }: GenerationName): string =>
  join(layout.canaryDir, `${identity}-${gen}.socket`)

/** Returns `<dev>:<inode>` of the socket when the server was armed; `-` if it was not noted. */
export function notedSocketId(layout: RecordLayout, record: CanaryRecord): string {
  if (record.socketId !== '-') return record.socketId
  return readIfExists(socketNoteOf(layout, record))?.trim() || '-'
}
