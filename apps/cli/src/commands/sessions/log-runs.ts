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
    for (
      let at = bytes.indexOf(MARK_BEGIN);
      at >= 0 && at < CHUNK_BYTES;
      at = bytes.indexOf(MARK_BEGIN, at + 1)
    ) {
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

/** Which part of a log to print. */
export interface RunSelection {
  readonly lastRun: boolean
  /** Milliseconds since the epoch. */
  readonly since: number | undefined
}

/** What is known about the times of a log. */
export interface LogTimes {
  /** When the log was written last, in milliseconds since the epoch. */
  readonly writtenAt: number
  /** The newest file, and the sizes that it had at earlier times, the oldest first. */
  readonly file: FileHandle
  readonly sizes: readonly { readonly atMs: number; readonly bytes: number }[]
}

/** Returns the parts that can be newer than a time, from the last size that the log had before. */
function cutBefore(parts: readonly LogPart[], since: number, { file, sizes }: LogTimes): LogPart[] {
  const known = sizes.findLast(({ atMs }) => atMs < since)
  if (known === undefined) return [...parts]
  return parts.flatMap((part) => {
    if (part.file !== file || part.to <= known.bytes) return []
    return [{ ...part, from: Math.max(part.from, known.bytes) }]
  })
}

/**
 * Selects the runs, and of them what can be newer than `since`. A run went on until the next one began, and the last one until its
 * log was written last. Within a run, the daemon notes each minute how long the log is; before the first note it is not cut.
 */
export function selectRuns(
  parts: readonly LogPart[],
  { lastRun, since }: RunSelection,
  times: LogTimes,
): readonly LogPart[] {
  const last = parts.at(-1)?.run
  const chosen = parts.filter(({ run }) => !lastRun || run === last)
  if (since === undefined) return chosen
  const endOf = ({ run }: LogPart): number => {
    const next = parts.find((part) => part.run > run)?.startedAt
    return Math.min(times.writtenAt, next === undefined ? Number.POSITIVE_INFINITY : Date.parse(next))
  }
  return cutBefore(
    chosen.filter((part) => endOf(part) >= since),
    since,
    times,
  )
}
