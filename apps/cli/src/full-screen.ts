import ansi from 'ansi-escapes'
import { inLocale } from './output.ts'

/** A view that fills the terminal. */
export interface FullScreen {
  /** Returns the present number of rows. */
  readonly rows: () => number
  /** Redraws every row, and so removes anything else that was written to the terminal. */
  readonly draw: (lines: readonly string[]) => void
  /** Restores the terminal and prints the last lines that were drawn. Later calls do nothing. */
  readonly close: () => void
}

/** The number of rows if the terminal does not report its size. */
const DEFAULT_ROWS = 24

/** Erases each row before writing it: erasing after a full row would remove the row's last character. */
function frameOf(lines: readonly string[], rows: number): string {
  const shown = lines.slice(0, rows)
  const written = shown.map((line, at) => ansi.cursorTo(0, at) + ansi.eraseLine + line).join('')
  const rest = shown.length < rows ? ansi.cursorTo(0, shown.length) + ansi.eraseDown : ''
  return ansi.synchronizedOutput(written + rest)
}

/**
 * Fills the terminal on standard output until `close`, or until this process exits; Ctrl-Z restores the terminal until `fg`.
 * @param redraw is called after the terminal was resized, and after `fg`
 */
export function openFullScreen(redraw: () => void): FullScreen {
  const { stdout } = process
  const rows = (): number => stdout.rows || DEFAULT_ROWS
  let isOpen = false
  let last: readonly string[] = []
  const enter = (): void => {
    isOpen = true
    stdout.write(ansi.enterAlternativeScreen + ansi.cursorHide)
  }
  const leave = (): void => {
    if (!isOpen) return
    isOpen = false
    stdout.write(ansi.cursorShow + ansi.exitAlternativeScreen)
  }
  const suspend = (): void => {
    leave()
    // This process has no handler for the signal now, so it stops; the kernel ignores the signal if no shell could continue it.
    process.kill(process.pid, 'SIGTSTP')
    setImmediate(() => {
      process.once('SIGTSTP', suspend)
      enter()
      redraw()
    })
  }
  const close = (): void => {
    if (!isOpen) return
    leave()
    stdout.write(last.map((line) => `${line}\n`).join(''))
    stdout.off('resize', redraw)
    process.off('SIGTSTP', suspend).off('exit', close)
  }
  enter()
  stdout.on('resize', redraw)
  process.once('SIGTSTP', suspend).once('exit', close)
  process.once('SIGTERM', () => process.exit(143)).once('SIGHUP', () => process.exit(129))
  process.once('SIGQUIT', () => process.exit(131))
  return {
    rows,
    draw: (lines) => {
      last = lines.map(inLocale)
      if (isOpen) stdout.write(frameOf(last, rows()))
    },
    close,
  }
}
