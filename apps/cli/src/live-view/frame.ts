import { cut } from '../cut.ts'
import { paint } from '../output.ts'
import { widthOf } from '../table.ts'
import { fill, wrap } from '../wrap.ts'
import type { Content, KeyCommand, Size, View } from './view.ts'

/** What a frame is made of. */
export interface Frame {
  readonly view: View
  readonly content: Content
  readonly size: Size
  /** Undefined where no keys are read. */
  readonly commands: readonly KeyCommand[] | undefined
}

/** A terminal with at least this many rows shows up to three lines of a long result. */
const LONG_STATUS_ROWS = 12
const LONG_STATUS_LINES = 3
/** A lower terminal shows no line above the items. */
const HEAD_ROWS = 4
/** A lower terminal does not say how many items are not shown. */
const MORE_ROWS = 3

const MARK = '> '
const NO_MARK = '  '

/** Returns the columns that a line of the items can have. */
export const itemColumns = ({ columns }: Size, hasKeys: boolean): number =>
  hasKeys ? Math.max(1, columns - MARK.length) : columns

/** Returns the keys in one line, as many as fit: the last ones are the most important. */
function keysLine(commands: readonly KeyCommand[] | undefined, columns: number): string {
  if (commands === undefined) return 'Press Ctrl-C to quit'
  const named = commands.map(({ key, name }) => `${key === 'enter' ? 'Enter' : key} ${name}`)
  const all = [...named, '? help', 'q quit']
  while (all.length > 1 && all.join('  ').length > columns) all.shift()
  return all.join('  ')
}

/** Returns the last lines of a frame: a question, the result of a command, a problem, or the keys. */
export function footerOf({ view, content, size, commands }: Frame): string[] {
  const { question, status } = view
  const asked = question === undefined ? undefined : `${question.command.name} ${question.id}? (y/n)`
  const text = asked ?? status ?? (view.page === undefined ? content.notice : undefined)
  if (text === undefined) {
    const keys = view.page === undefined ? keysLine(commands, size.columns) : 'q back'
    return [paint('dim', cut(keys, size.columns))]
  }
  const lines = wrap(text, Math.max(1, size.columns))
  const limit = size.rows >= LONG_STATUS_ROWS ? LONG_STATUS_LINES : 1
  const shown =
    lines.length > limit ? [...lines.slice(0, limit - 1), lines.slice(limit - 1).join(' ')] : lines
  return shown.map((line) => paint('bold', cut(line, size.columns)))
}

/** Returns how many rows of the terminal are left for items. */
export function roomFor({ items, head }: Content, { rows }: Size, footerRows: number): number {
  const below = rows > footerRows ? footerRows : 0
  const room = Math.max(1, rows - below - (rows >= HEAD_ROWS && head !== '' ? 1 : 0))
  return items.length > room && rows >= MORE_ROWS ? Math.max(1, room - 1) : room
}

/** Returns the rows of the page, each as wide as the terminal at most. */
export function pageRows({ view, size }: Pick<Frame, 'view' | 'size'>): string[] {
  const { columns } = size
  return (view.page?.lines ?? []).flatMap((line) =>
    widthOf(line) <= columns ? [line] : fill(line, Math.max(1, columns)),
  )
}

/** Returns how many rows of the page are shown. */
export const pageRoom = ({ rows }: Size): number => Math.max(1, rows - 2)

function pageFrame(frame: Frame): string[] {
  const { view, size } = frame
  const rows = pageRows(frame)
  const room = pageRoom(size)
  const top = Math.min(view.page?.top ?? 0, Math.max(0, rows.length - room))
  const shown = rows.slice(top, top + room)
  const position = rows.length <= room ? '' : `  rows ${top + 1}-${top + shown.length} of ${rows.length}`
  return [
    paint('bold', cut(`${view.page?.title ?? ''}${position}`, size.columns)),
    ...shown,
    ...Array.from({ length: room - shown.length }, () => ''),
    ...footerOf(frame).slice(0, 1),
  ]
}

function moreLine(above: number, below: number): string {
  if (below === 0) return `${above} above`
  return above === 0 ? `+ ${below} more` : `+ ${below} more, ${above} above`
}

/** Returns the lines of the items: those in view, and how many are not. */
function itemLines({ view, content, size, commands }: Frame, room: number): string[] {
  const { items } = content
  const shown = items.slice(view.top, view.top + room)
  const hidden = items.length - shown.length
  const lines = shown.map(({ id, line }) => {
    if (commands === undefined) return cut(line, size.columns)
    const isSelected = view.selected?.id === id
    const marked = cut(`${isSelected ? MARK : NO_MARK}${line}`, size.columns)
    return isSelected ? paint('inverse', marked) : marked
  })
  if (hidden === 0 || size.rows < MORE_ROWS) return lines
  return [...lines, paint('dim', cut(moreLine(view.top, hidden - view.top), size.columns))]
}

/** Returns the lines of a frame, at most as many and as wide as the terminal. The view is arranged for the content. */
export function frameOf(frame: Frame): string[] {
  const { view, content, size, commands } = frame
  if (view.page !== undefined) return pageFrame(frame).slice(0, size.rows)
  const footer = footerOf(frame)
  const fit = (line: string): string => cut(line, size.columns)
  if (content.items.length === 0)
    return [...content.empty.map(fit).slice(0, Math.max(0, size.rows - footer.length)), ...footer]
  const room = roomFor(content, size, footer.length)
  const head = `${commands === undefined ? '' : NO_MARK}${content.head}`
  const lines = [
    ...(size.rows >= HEAD_ROWS && content.head !== '' ? [fit(head)] : []),
    ...itemLines(frame, room),
    ...footer,
  ]
  return lines.slice(0, size.rows)
}
