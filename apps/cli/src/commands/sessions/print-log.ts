import { StringDecoder } from 'node:string_decoder'
import type { Grep } from '../../grep.ts'
import type { LongOutput } from '../../long-output.ts'
import { hasColours, inLocale, paint } from '../../output.ts'
import { cleanLine, logLines } from './log-lines.ts'
import type { LogPart } from './log-runs.ts'

/** Which lines of the selected runs to print, and how. */
export interface LogOptions {
  /** At most this many lines, the last. */
  readonly tail: number | undefined
  readonly grep: Grep | undefined
  /** Returns the time of a mark as a text. */
  readonly time: (iso: string) => string
  /** Whether a last line without a newline is printed without one, because its rest follows. */
  readonly isOpen: boolean
  /** Whether to print when each run started. */
  readonly hasHeadings: boolean
}

interface Line {
  readonly text: string
  /** Whether it has a newline. */
  readonly isWhole: boolean
  readonly run: number
  readonly startedAt: string | undefined
}

const CHUNK_BYTES = 256 * 1024

/** Returns the line that marks the beginning of a run. */
export const runHeading = (startedAt: string, time: LogOptions['time']): string =>
  paint('dim', `── started ${time(startedAt)} ──`)

/** Yields the lines of the parts in batches, as a terminal shows them. */
async function* linesOf(parts: readonly LogPart[]): AsyncGenerator<Line[]> {
  let lines = logLines()
  let decoder = new StringDecoder('utf8')
  let run: number | undefined
  let before: LogPart | undefined
  const end = (): string[] => [...lines.push(decoder.end()), ...lines.end()]
  const batch = (texts: readonly string[], { run, startedAt }: LogPart, isWhole = true): Line[] =>
    texts.map((text) => ({ text: cleanLine(text, hasColours), isWhole, run, startedAt }))
  for (const part of parts) {
    // A line can cross the border between two files, but not the one between two runs.
    if (part.run !== run && before !== undefined) yield batch(end(), before, false)
    if (part.run !== run) {
      lines = logLines()
      decoder = new StringDecoder('utf8')
    }
    run = part.run
    before = part
    for (let at = part.from; at < part.to; ) {
      const buffer = Buffer.alloc(Math.min(CHUNK_BYTES, part.to - at))
      const { bytesRead } = await part.file.read(buffer, 0, buffer.length, at)
      // The log was truncated meanwhile.
      if (bytesRead === 0) break
      at += bytesRead
      yield batch(lines.push(decoder.write(buffer.subarray(0, bytesRead))), part)
    }
  }
  if (before !== undefined) yield batch(end(), before, false)
}

/** Yields the last `count` of the lines, in batches; every line if it is undefined. */
async function* lastOf(batches: AsyncIterable<Line[]>, count: number | undefined): AsyncGenerator<Line[]> {
  let kept: Line[] = []
  for await (const batch of batches) {
    if (count === undefined) yield batch
    else if (count > 0) kept = [...kept, ...batch].slice(-count)
  }
  if (kept.length > 0) yield kept
}

async function* matching(batches: AsyncIterable<Line[]>, grep: Grep | undefined): AsyncGenerator<Line[]> {
  for await (const batch of batches)
    yield grep === undefined ? batch : grep(batch, ({ text }) => cleanLine(text, false))
}

/**
 * Prints the lines of a pane log, and before the first line of a run a heading that says when it started.
 * @returns the number of lines
 */
export async function printLog(
  parts: readonly LogPart[],
  options: LogOptions,
  output: LongOutput,
): Promise<number> {
  const { tail, grep, time, isOpen, hasHeadings } = options
  let run: number | undefined
  let printed = 0
  for await (const batch of lastOf(matching(linesOf(parts), grep), tail)) {
    let text = ''
    for (const line of batch) {
      if (hasHeadings && line.run !== run && line.startedAt !== undefined)
        text += `${inLocale(runHeading(line.startedAt, time))}\n`
      run = line.run
      text += isOpen && !line.isWhole ? line.text : `${line.text}\n`
    }
    printed += batch.length
    if (text !== '' && !(await output.write(text))) break
  }
  return printed
}
