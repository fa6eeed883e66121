import { type Menu, readMenu } from './menu.ts'
import type { ScreenStep } from './screen-reader.ts'

/** A dialog that a program shows before its input row. It is recognised by text that a small terminal shows too. */
export interface BootDialog {
  readonly name: string
  /** Options that the dialog must have. */
  readonly options?: readonly RegExp[]
  /** Rows that the dialog must have. */
  readonly shows?: readonly RegExp[]
  /** Whether text may stand below its options. @default false */
  readonly hasTextBelow?: boolean
  /** The option to choose, the key to press, or what a person has to do. */
  readonly answer: { readonly choose: RegExp } | { readonly press: string } | { readonly hint: string }
}

const indexOf = (menu: Menu, option: RegExp): number =>
  menu.options.findIndex(({ text, whole }) => option.test(text) || option.test(whole))

function isShown(dialog: BootDialog, rows: readonly string[], menu: Menu | undefined): boolean {
  const { options = [], shows = [], hasTextBelow = false } = dialog
  if (!shows.every((text) => rows.some((row) => text.test(row)))) return false
  if (!('choose' in dialog.answer) && options.length === 0) return true
  if (menu === undefined || !(menu.isLive || hasTextBelow)) return false
  return options.every((option) => indexOf(menu, option) >= 0)
}

/**
 * Returns the key that moves the cursor towards an option or selects it; undefined if the option is not visible and the menu
 * cannot scroll.
 */
function keyTowards(menu: Menu, option: RegExp): string | undefined {
  const wanted = indexOf(menu, option)
  if (wanted === menu.cursor) return 'Enter'
  if (wanted >= 0) return wanted > menu.cursor ? 'Down' : 'Up'
  if (menu.more.below) return 'Down'
  return menu.more.above ? 'Up' : undefined
}

/** Returns the step for the first of these dialogs that the screen shows; undefined if it shows none. Pure. */
export function dialogStep(dialogs: readonly BootDialog[], rows: readonly string[]): ScreenStep | undefined {
  const menu = readMenu(rows)
  const dialog = dialogs.find((one) => isShown(one, rows, menu))
  if (dialog === undefined) return undefined
  const { name, answer } = dialog
  if ('hint' in answer) return { kind: 'person', dialog: name, hint: answer.hint }
  if ('press' in answer) return { kind: 'press', dialog: name, key: answer.press, cursor: -1 }
  const key = menu === undefined ? undefined : keyTowards(menu, answer.choose)
  if (menu === undefined || key === undefined) return { kind: 'unknown', dialog: name }
  return { kind: 'press', dialog: name, key, cursor: menu.cursor }
}
