/** An item of a live view: one row. */
interface Item {
  /** What the selection and the commands refer to. */
  readonly id: string
  readonly line: string
}

/** What a live view shows now. */
export interface Content {
  /** The line above the items. */
  readonly head: string
  readonly items: readonly Item[]
  /** The lines that are shown where there are no items. */
  readonly empty: readonly string[]
  /** A problem that is shown until a command reports something. */
  readonly notice?: string | undefined
}

/** The size of the terminal. */
export interface Size {
  readonly columns: number
  readonly rows: number
}

/** A command on the selected item. */
export interface KeyCommand {
  readonly name: string
  readonly key: string
  /** Whether to ask before it runs. */
  readonly asks?: boolean
  readonly help: string
}

/** A text that is shown instead of the items. */
interface Page {
  readonly title: string
  readonly lines: readonly string[]
  /** The first row that is shown. */
  readonly top: number
}

/** The state of a live view. */
export interface View {
  /** The selected item, and its position when the items were shown last. */
  readonly selected: { readonly id: string; readonly at: number } | undefined
  /** The first item that is shown. */
  readonly top: number
  /** The command that waits for yes or no. */
  readonly question?: { readonly command: KeyCommand; readonly id: string } | undefined
  readonly page?: Page | undefined
  /** The result of the last command. */
  readonly status?: string | undefined
}

export const NEW_VIEW: View = { selected: undefined, top: 0 }

/** What a key asks the program to do. */
export type KeyAction =
  | { readonly kind: 'quit' }
  | { readonly kind: 'run'; readonly command: KeyCommand; readonly id: string }

/** What decides the effect of a key. */
export interface KeyContext {
  readonly content: Content
  readonly commands: readonly KeyCommand[]
  /** The number of rows that items, or a page, can have. */
  readonly room: number
  /** The number of rows of the page. */
  readonly pageRows: number
}

/** The keys that are not commands, as the help prints them. */
const OWN_KEYS: readonly (readonly [keys: string, help: string])[] = [
  ['Up, k', 'select the previous one'],
  ['Down, j', 'select the next one'],
  ['PgUp, PgDn', 'move by a screen'],
  ['Home, End', 'select the first or the last one'],
  ['?', 'print the keys'],
  ['q, Ctrl-C', 'quit'],
]

const between = (low: number, value: number, high: number): number => Math.max(low, Math.min(value, high))

/**
 * Returns the view of new content: the selection follows its item. If that item is gone, the item that has its position is
 * selected. The selected item is always within the `room` rows that are shown.
 */
export function arranged(view: View, { items }: Pick<Content, 'items'>, room: number): View {
  if (items.length === 0) return { ...view, selected: undefined, top: 0 }
  const { selected } = view
  const found = selected === undefined ? 0 : items.findIndex(({ id }) => id === selected.id)
  const at = found >= 0 ? found : between(0, selected?.at ?? 0, items.length - 1)
  const shown = Math.max(1, room)
  const top = between(at - shown + 1, view.top, at)
  return {
    ...view,
    selected: { id: items[at]?.id ?? '', at },
    top: between(0, top, Math.max(0, items.length - shown)),
  }
}

/** Returns the position that a key moves to; undefined for a key that does not move. */
function moved(key: string, at: number, { last, step }: { readonly last: number; readonly step: number }) {
  const to: Readonly<Record<string, number>> = {
    up: at - 1,
    k: at - 1,
    down: at + 1,
    j: at + 1,
    pageup: at - step,
    pagedown: at + step,
    home: 0,
    end: last,
  }
  const wanted = to[key]
  return wanted === undefined ? undefined : between(0, wanted, Math.max(0, last))
}

/** Returns the page of the keys. */
function helpPage(commands: readonly KeyCommand[]): Page {
  const keys = [...commands.map(({ key, help }) => [key, help] as const), ...OWN_KEYS]
  const named = keys.map(([key, help]) => [key === 'enter' ? 'Enter' : key, help] as const)
  const width = Math.max(...named.map(([key]) => key.length))
  return { title: 'Keys', lines: named.map(([key, help]) => `${key.padEnd(width)}  ${help}`), top: 0 }
}

type Pressed = { readonly view: View; readonly action?: KeyAction }

function pressedOnPage(view: View, page: Page, key: string, { room, pageRows }: KeyContext): Pressed {
  const last = Math.max(0, pageRows - room)
  const top = moved(key, Math.min(page.top, last), { last, step: room })
  if (top !== undefined) return { view: { ...view, page: { ...page, top } } }
  return ['q', 'escape', 'enter', '?'].includes(key) ? { view: { ...view, page: undefined } } : { view }
}

function pressedOnItems(view: View, key: string, { content, commands, room }: KeyContext): Pressed {
  const { items } = content
  const { selected } = view
  if (key === 'q') return { view, action: { kind: 'quit' } }
  if (key === '?') return { view: { ...view, page: helpPage(commands) } }
  if (selected === undefined) return { view }
  const to = items[moved(key, selected.at, { last: items.length - 1, step: room }) ?? -1]
  if (to !== undefined)
    return { view: arranged({ ...view, selected: { id: to.id, at: items.indexOf(to) } }, content, room) }
  const command = commands.find((one) => one.key === key)
  if (command === undefined) return { view }
  const { id } = selected
  return command.asks === true
    ? { view: { ...view, question: { command, id } } }
    : { view, action: { kind: 'run', command, id } }
}

/** Returns the view after a key, and what the program is to do. The next key removes the result of the last command. */
export function pressed({ status: _status, ...before }: View, key: string, context: KeyContext): Pressed {
  const { question, page } = before
  if (question !== undefined) {
    const view = { ...before, question: undefined }
    return key === 'y' ? { view, action: { kind: 'run', ...question } } : { view }
  }
  return page === undefined ? pressedOnItems(before, key, context) : pressedOnPage(before, page, key, context)
}
