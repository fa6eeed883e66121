import type { JudgedDeath } from '@iapeer/lifecycle/deaths'
import { cut } from '../../cut.ts'
import { paint } from '../../output.ts'
import { firstFitting, table, tableWidth, widthOf } from '../../table.ts'
import { bracketText, clockText, type TimeOptions, timeText } from '../../times.ts'
import { shortId } from './find-death.ts'

/** How deaths are printed. */
export interface DeathTableOptions extends TimeOptions {
  /** Prints times of a clock: relative ones become wrong while the table stays on the screen. */
  readonly follow?: boolean
}

interface Column {
  readonly head: string
  readonly cell: (death: JudgedDeath, options: DeathTableOptions) => string
}

const CONFIDENCE = { high: 'green', medium: 'yellow', low: 'red' } as const

/** Returns the time of a death; if no recorder saw it, the two times between which the peer died. */
function whenText({ ts, seenAlive }: JudgedDeath['record'], options: DeathTableOptions): string {
  if (seenAlive !== undefined) return bracketText(seenAlive, ts, options)
  return (options.follow === true ? clockText : timeText)(ts, options)
}

const WHEN: Column = { head: 'WHEN', cell: ({ record }, options) => whenText(record, options) }
const IDENTITY: Column = { head: 'IDENTITY', cell: ({ record }) => record.identity }
const VERDICT: Column = { head: 'VERDICT', cell: ({ judged }) => judged.verdict }
const CERTAINTY: Column = {
  head: 'CONFIDENCE',
  cell: ({ judged: { confidence }, isProvisional }) =>
    isProvisional === true ? paint('yellow', 'provisional') : paint(CONFIDENCE[confidence], confidence),
}
const ID: Column = { head: 'ID', cell: ({ record }) => shortId(record) }

/** The least width of a name that is cut. */
const MIN_NAME = 12
const GAP = 2

const widest = (cells: readonly string[]): number =>
  cells.reduce((most, cell) => Math.max(most, widthOf(cell)), 0)

/** Yields the forms of the table, the widest first: CONFIDENCE is left out first, then names are cut, then WHEN is left out. */
function* forms(
  deaths: readonly JudgedDeath[],
  options: DeathTableOptions,
  width: number,
): Generator<string> {
  const form = (columns: readonly Column[], most = Number.POSITIVE_INFINITY): string => {
    const cellOf = (column: Column, death: JudgedDeath): string => {
      const text = column.cell(death, options)
      return column === IDENTITY && widthOf(text) > most ? cut(text, most) : text
    }
    const head = columns.map((column) => paint('dim', column.head))
    return table([head, ...deaths.map((death) => columns.map((column) => cellOf(column, death)))])
  }
  const roomFor = (others: readonly Column[]): number =>
    width -
    others.reduce(
      (sum, { head, cell }) => sum + GAP + widest([head, ...deaths.map((one) => cell(one, options))]),
      0,
    )
  yield form([WHEN, IDENTITY, VERDICT, CERTAINTY, ID])
  yield form([WHEN, IDENTITY, VERDICT, ID])
  yield form([WHEN, IDENTITY, VERDICT, ID], Math.max(MIN_NAME, roomFor([WHEN, VERDICT, ID])))
  yield form([IDENTITY, VERDICT, ID])
  yield form([IDENTITY, VERDICT, ID], Math.max(1, roomFor([VERDICT, ID])))
}

/** Formats deaths as a table that fits the terminal: the id and the verdict are always whole. */
export function deathTable(deaths: readonly JudgedDeath[], options: DeathTableOptions = {}): string {
  const width = tableWidth()
  return firstFitting(forms(deaths, options, width), width)
}
