import { stripVTControlCharacters } from 'node:util'
import { maskBearers, unfinishedBearer } from '@iapeer/core/identity'
import { RUN_MARK } from '@iapeer/lifecycle/launch'
import { type PrintOptions, printFile } from '../../follow-file.ts'
import type { Grep } from '../../grep.ts'
import { hasColours, inLocale } from '../../output.ts'
import { clockText, type TimeOptions } from '../../times.ts'
import { cleanLine, logLines } from './log-lines.ts'
import { runHeading } from './print-log.ts'

/** The most characters of a mark that is not complete yet. */
const MARK_LENGTH = 64

/** Masks bearers, and removes control sequences unless the standard output is a terminal: that shows the screen of the program. */
const shown = (text: string): string =>
  maskBearers(process.stdout.isTTY === true ? text : stripVTControlCharacters(text).replace(/\r/g, ''))

/** Returns the length of the end of a piece that belongs to the next one: a part of a mark or of a bearer. */
function unfinishedLength(text: string): number {
  const at = text.lastIndexOf('\u001b]')
  const isMark = at >= 0 && text.length - at < MARK_LENGTH && !text.includes('\n', at)
  return isMark ? text.length - at : unfinishedBearer(text)
}

/** Returns a formatter that replaces the mark of a run by a heading and masks bearers, also where one is split between two pieces. */
export function withHeadings(times: TimeOptions): PrintOptions['format'] {
  const mark = new RegExp(RUN_MARK, 'g')
  let held = ''
  return (piece, isLast) => {
    const text = held + piece
    const end = text.length - (isLast ? 0 : unfinishedLength(text))
    held = text.slice(end)
    const parts = text.slice(0, end).split(mark)
    // The group of the mark, the time, is between the texts.
    return parts
      .map((part, index) =>
        index % 2 === 0 ? shown(part) : `\n${inLocale(runHeading(part, (iso) => clockText(iso, times)))}\n`,
      )
      .join('')
  }
}

/** Returns a formatter that prints the lines that match. */
function matchingLines(grep: Grep): PrintOptions['format'] {
  const lines = logLines()
  return (piece, isLast) => {
    const found = grep([...lines.push(piece), ...(isLast ? lines.end() : [])], (line) =>
      cleanLine(line, false),
    )
    return found.map((line) => `${cleanLine(line, hasColours)}\n`).join('')
  }
}

/** Prints what is appended to a pane log from a position on, until it is interrupted. */
export async function followLog(
  path: string,
  { from, grep, ...times }: TimeOptions & { readonly from: number; readonly grep: Grep | undefined },
): Promise<void> {
  const format = grep === undefined ? withHeadings(times) : matchingLines(grep)
  await printFile(path, { follow: true, from, format })
}
