import ansi from 'ansi-escapes'

/** A view that has the whole terminal for itself. */
export interface FullScreen {
  /** How many rows it has now. */
  readonly rows: () => number
  /** Draws it anew, every row of it: what else was written to the terminal does not stay. */
  readonly draw: (lines: readonly string[]) => void
  /** Gives the terminal back; what was drawn last is printed on it. Harmless to repeat. */
  readonly close: () => void
}

/** Where a terminal does not know its size. */
const USUAL_ROWS = 24

/** Every row is erased before it is written: a terminal that erases behind a full row would take its last character. */
function frameOf(lines: readonly string[], rows: number): string {
  const shown = lines.slice(0, rows)
  const written = shown.map((line, at) => ansi.cursorTo(0, at) + ansi.eraseLine + line).join('')
  const rest = shown.length < rows ? ansi.cursorTo(0, shown.length) + ansi.eraseDown : ''
  return ansi.synchronizedOutput(written + rest)
}

/**
 * Takes the terminal on standard output until `close`, or until this process exits; Ctrl-Z gives it back until `fg`.
 * @param redraw is called when the size of the terminal has changed, and after `fg`
 */
export function openFullScreen(redraw: () => void): FullScreen {
  const { stdout } = process
  const rows = (): number => stdout.rows || USUAL_ROWS
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
    // Nothing listens for the signal now, so it stops this process; where no shell could continue it, nothing happens.
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
      last = lines
      if (isOpen) stdout.write(frameOf(lines, rows()))
    },
    close,
  }
}
