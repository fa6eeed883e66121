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
      hint: 'Log in: run codex login in a terminal, as the same user and with the same home, or attach to the peer and answer.',
    },
  },
  { name: 'update', shows: [/Update available/], answer: { choose: /^Skip$/ } },
  { name: 'folder trust', options: [/^Trust and continue$/], answer: { choose: /^Trust and continue$/ } },
]

interface Input {
  readonly text: string
  readonly footer: readonly string[]
}

/** The last `›` row with what continues it, if only its footer is below: what was said before has a `›` too. */
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

/** A menu's cursor looks as its input row does; and it draws one with a bare hint before it asks what it has to. */
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

/** The screens of Codex, 0.169 to 0.171. */
export const codexScreen: ScreenReader = {
  read,
  draft: (screen) => findInput(rowsOf(withoutDim(screen)))?.text ?? '',
}
