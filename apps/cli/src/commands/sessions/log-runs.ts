import type { FileHandle } from 'node:fs/promises'
import { RUN_MARK } from '@iapeer/lifecycle/launch'

/** A part of a pane log that belongs to one run. */
export interface LogPart {
  readonly file: FileHandle
  /** In bytes; `to` is the position behind its last byte. */
  readonly from: number
  readonly to: number
  /** The number of the run in the log, from 0. The parts of one run can be in two files. */
  readonly run: number
  /** ISO-8601 UTC. Undefined for output that was logged before runs were marked, or whose mark was rotated away. */
  readonly startedAt: string | undefined
}

const CHUNK_BYTES = 1024 * 1024
/** What every mark begins with, and the most bytes that it has. */
const MARK_BEGIN = Buffer.from('\u001b]8973;iapeer-run;')
const MARK_BYTES = 64

interface Mark {
  readonly at: number
  readonly end: number
  readonly startedAt: string
}

/** Finds the marks of runs in a file, up to a position. */
async function marksIn(file: FileHandle, size: number): Promise<Mark[]> {
  const marks: Mark[] = []
  const buffer = Buffer.alloc(Math.min(size, CHUNK_BYTES) + MARK_BYTES)
  for (let start = 0; start < size; start += CHUNK_BYTES) {
    // Reads a mark that crosses the end of this chunk as a whole.
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, size - start), start)
    const bytes = buffer.subarray(0, bytesRead)
    for (let at = bytes.indexOf(MARK_BEGIN); at >= 0 && at < CHUNK_BYTES; at = bytes.indexOf(MARK_BEGIN, at + 1)) {
      const [text, startedAt] = RUN_MARK.exec(bytes.toString('latin1', at, at + MARK_BYTES)) ?? []
      if (text !== undefined && startedAt !== undefined && !Number.isNaN(Date.parse(startedAt)))
        marks.push({ at: start + at, end: start + at + text.length, startedAt })
    }
  }
  return marks
}

/**
 * Divides the files of a pane log into the parts of its runs.
 * @param files the oldest first, each with its size
 */
export async function partsOf(
  files: readonly { readonly file: FileHandle; readonly size: number }[],
): Promise<LogPart[]> {
  const parts: LogPart[] = []
  let run = 0
  let startedAt: string | undefined
  for (const { file, size } of files) {
    let from = 0
    for (const mark of await marksIn(file, size)) {
      if (mark.at > from) parts.push({ file, from, to: mark.at, run, startedAt })
      // Launches that printed nothing count too: their runs have no part.
      run += 1
      startedAt = mark.startedAt
      from = mark.end
    }
    if (size > from) parts.push({ file, from, to: size, run, startedAt })
  }
  return parts
}

/** Which runs to print. */
export interface RunSelection {
  readonly lastRun: boolean
  /** Milliseconds since the epoch. */
  readonly since: number | undefined
}

/**
 * Selects the runs that went on after a time. The log has no times within a run: a run went on until the next one began, and the
 * last one until its log was written last.
 */
export function selectRuns(
  parts: readonly LogPart[],
  { lastRun, since }: RunSelection,
  writtenAt: number,
): readonly LogPart[] {
  const last = parts.at(-1)?.run
  const endOf = ({ run }: LogPart): number => {
    const next = parts.find((part) => part.run > run)?.startedAt
    return next === undefined ? writtenAt : Date.parse(next)
  }
  return parts.filter(
    (part) => (!lastRun || part.run === last) && (since === undefined || endOf(part) >= since),
  )
}
