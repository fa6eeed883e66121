import { CLAUDE_LOGIN_HINT } from '../claude-login.ts'
import { type BootDialog, dialogStep } from './dialog.ts'
import { withoutDim } from './plain-text.ts'
import { rowsOf } from './rows.ts'
import type { ScreenReader, ScreenReading } from './screen-reader.ts'

const RULE = /^─{8}/
const INPUT = /^❯(?:\s|$)/
/** A narrow terminal truncates the message. */
const LOGGED_OUT = /^\s*Not logged in · (?:run \/login|\S*…)$/i
const LOGGED_OUT_AT_END = /\sNot logged in · run \/login$/i

/** The cursor may start on "No, exit"; Enter there makes the program exit. */
const DIALOGS: readonly BootDialog[] = [
  {
    name: 'bypass permissions',
    options: [/^Yes, I accept\b/, /^No, exit\b/],
    answer: { choose: /^Yes, I accept\b/ },
  },
  {
    name: 'folder trust',
    options: [/^Yes, I trust this folder\b/],
    answer: { choose: /^Yes, I trust this folder\b/ },
  },
  {
    name: 'API key',
    shows: [/Do you want to use this API key/],
    answer: {
      hint: 'Attach and answer, or remove ANTHROPIC_API_KEY from the environment and from launch.env.',
    },
  },
  { name: 'login', shows: [/Select login method/], answer: { hint: CLAUDE_LOGIN_HINT } },
  {
    name: 'text style',
    shows: [/Choose the text style/],
    options: [/✔/],
    hasTextBelow: true,
    answer: { choose: /✔/ },
  },
  {
    name: 'security notes',
    shows: [/^ Security notes:|prompt injection risks/, /^ Press Enter to continue…?$/],
    answer: { press: 'Enter' },
  },
]

interface Input {
  readonly text: string
  /** The row above the upper rule, where the program shows hints. */
  readonly above: string
  readonly footer: readonly string[]
}

/** Finds the input row between the last two rules. The cursor of a menu is further to the right. */
function findInput(rows: readonly string[]): Input | undefined {
  const end = rows.findLastIndex((row) => RULE.test(row))
  const start = rows.findLastIndex((row, at) => at < end && INPUT.test(row))
  if (start < 1 || !RULE.test(rows[start - 1] ?? '')) return undefined
  if (rows.slice(start, end).some((row) => RULE.test(row))) return undefined
  const footer = rows.slice(end + 1).filter((row) => row !== '')
  if (footer.length === 0) return undefined
  return { text: rows.slice(start, end).join('\n').slice(1).trim(), above: rows[start - 2] ?? '', footer }
}

function read(screen: string): ScreenReading {
  const rows = rowsOf(screen)
  const input = findInput(rows)
  // Only the footer may be below the input row; a list of command completions is further to the left.
  if (input?.footer.every((row) => row.startsWith('  ')) !== true)
    return { step: dialogStep(DIALOGS, rows) ?? { kind: 'unknown' }, input: input?.text }
  // The message is a row of its own, above the input row (2.1.332) or in the footer, or the end of a footer row.
  const isLoggedOut =
    [input.above, ...input.footer].some((row) => LOGGED_OUT.test(row)) ||
    input.footer.some((row) => LOGGED_OUT_AT_END.test(row))
  return {
    step: isLoggedOut ? { kind: 'person', dialog: 'login', hint: CLAUDE_LOGIN_HINT } : { kind: 'input' },
    input: input.text,
  }
}

/** Reads the screens of Claude Code 2.1.197 to 2.1.332. */
export const claudeScreen: ScreenReader = {
  read,
  draft: (screen) => findInput(rowsOf(withoutDim(screen)))?.text ?? '',
}
