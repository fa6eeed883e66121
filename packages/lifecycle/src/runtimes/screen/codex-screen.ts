import { type BootDialog, dialogStep } from './dialog.ts'
import { withoutDim } from './plain-text.ts'
import { rowsOf } from './rows.ts'
import type { ScreenReader, ScreenReading } from './screen-reader.ts'

const INPUT = /^›(?:\s|$)/

const DIALOGS: readonly BootDialog[] = [
  {
    name: 'login',
    options: [/^Sign in with ChatGPT\b/],
    answer: {
      hint: 'Log in: run codex login in a terminal as the same user with the same home directory, or attach and answer.',
    },
  },
  { name: 'update', shows: [/Update available/], answer: { choose: /^Skip$/ } },
  { name: 'folder trust', options: [/^Trust and continue$/], answer: { choose: /^Trust and continue$/ } },
]

interface Input {
  readonly text: string
  readonly footer: readonly string[]
}

/** Finds the last `›` row and its continuation rows, if only the footer is below. Earlier messages start with `›` too. */
function findInput(rows: readonly string[]): Input | undefined {
  const start = rows.findLastIndex((row) => INPUT.test(row))
  const end = rows.indexOf('', start)
  if (start < 0 || end < 0 || rows.slice(start + 1).some((row) => row !== '' && !row.startsWith('  ')))
    return undefined
  const footer = rows
    .slice(end)
    .map((row) => row.trim())
    .filter((row) => row !== '')
  if (footer.length === 0 || footer.some((row) => /^(?:press )?enter (?:to )?continue/.test(row)))
    return undefined
  return { text: rows.slice(start, end).join('\n').slice(1).trim(), footer }
}

/**
 * Returns whether an input row accepts text. The cursor of a menu looks like an input row, and before its dialogs Codex draws
 * an input row with a bare hint.
 */
const isReady = ({ text, footer }: Input): boolean =>
  !/^\d+(?:\.|\s|$)/.test(text) && footer.some((row) => !'? for shortcuts'.startsWith(row))

function read(screen: string): ScreenReading {
  const rows = rowsOf(screen)
  const step = dialogStep(DIALOGS, rows)
  if (step !== undefined) return { step, input: undefined }
  const input = findInput(rows)
  const isInput = input !== undefined && isReady(input)
  return { step: { kind: isInput ? 'input' : 'unknown' }, input: input?.text }
}

/** Reads the screens of Codex 0.169 to 0.171. */
export const codexScreen: ScreenReader = {
  read,
  draft: (screen) => findInput(rowsOf(withoutDim(screen)))?.text ?? '',
}
