import { CLAUDE_LOGIN_HINT } from '../claude-login.ts'
import { type BootDialog, dialogStep } from './dialog.ts'
import { withoutDim } from './plain-text.ts'
import { rowsOf } from './rows.ts'
import type { ScreenReader, ScreenReading } from './screen-reader.ts'

const RULE = /^─{8}/
const INPUT = /^❯(?:\s|$)/
/** A narrow terminal cuts it. */
const LOGGED_OUT = /^\s*Not logged in · (?:run \/login|\S*…)$/i
const LOGGED_OUT_AT_END = /\sNot logged in · run \/login$/i

/** Enter on "No, exit", which the cursor is on at first, ends the program. */
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
      hint: 'Decide it yourself: attach and answer, or take ANTHROPIC_API_KEY out of the environment and of launch.env.',
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
  /** The row above its upper rule: hints of the program. */
  readonly above: string
  readonly footer: readonly string[]
}

/** What stands between the last two rules, if that is an input row; menus have their cursor further right. */
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
  // Below is its footer and nothing else; what completes a command stands further left.
  if (input?.footer.every((row) => row.startsWith('  ')) !== true)
    return { step: dialogStep(DIALOGS, rows) ?? { kind: 'unknown' }, input: input?.text }
  // A row of its own, above the input row (2.1.332) or in the footer; or the end of a row of the footer.
  const isLoggedOut =
    [input.above, ...input.footer].some((row) => LOGGED_OUT.test(row)) ||
    input.footer.some((row) => LOGGED_OUT_AT_END.test(row))
  return {
    step: isLoggedOut ? { kind: 'person', dialog: 'login', hint: CLAUDE_LOGIN_HINT } : { kind: 'input' },
    input: input.text,
  }
}

/** The screens of Claude Code, 2.1.197 to 2.1.332. */
export const claudeScreen: ScreenReader = {
  read,
  draft: (screen) => findInput(rowsOf(withoutDim(screen)))?.text ?? '',
}
