import { emitKeypressEvents, type Key } from 'node:readline'
import ansi from 'ansi-escapes'
import { EXIT } from '../exit-code.ts'
import { inLocale } from '../output.ts'
import type { Size } from './view.ts'

/** A view that fills the terminal. */
export interface Terminal {
  readonly size: () => Size
  /** Redraws every row, and so removes anything else that was written to the terminal. */
  readonly draw: (lines: readonly string[]) => void
  /** Gives the terminal to another program until `run` is done. */
  readonly lend: <T>(run: () => Promise<T>) => Promise<T>
  /** Restores the terminal and prints the last lines. Later calls do nothing. */
  readonly close: () => void
}

export interface TerminalOptions {
  /** Is called after the terminal was resized, lent, or given back by a shell (`fg`). */
  readonly redraw: () => void
  /** Is called with the name of each key: `up`, `enter`, `ctrl-d`, `G`. Undefined: no keys are read. */
  readonly onKey?: ((key: string) => void) | undefined
  /** Returns the lines that stay on the terminal at the end. */
  readonly lastLines: () => readonly string[]
}

/** The size if the terminal does not report it. */
const DEFAULT_ROWS = 24
const DEFAULT_COLUMNS = 80

/** The exit codes of a process that a signal ended. */
const SIGNAL_EXITS = { SIGHUP: 129, SIGQUIT: 131, SIGTERM: 143 } as const

/** Erases each row before writing it: erasing after a full row would remove the row's last character. */
function paintedFrame(lines: readonly string[], rows: number): string {
  const shown = lines.slice(0, rows)
  const written = shown.map((line, at) => ansi.cursorTo(0, at) + ansi.eraseLine + line).join('')
  const rest = shown.length < rows ? ansi.cursorTo(0, shown.length) + ansi.eraseDown : ''
  return ansi.synchronizedOutput(written + rest)
}

/** Returns the name of a key: the character that it types, else `up`, `enter`, `ctrl-c`. */
function keyName(text: string | undefined, { name, ctrl, sequence }: Key): string {
  if (sequence === '\u001c') return 'ctrl-\\'
  if (name === 'return' || name === 'enter') return 'enter'
  if (ctrl === true) return `ctrl-${name ?? ''}`
  return text !== undefined && /^[!-~]$/.test(text) ? text : (name ?? '')
}

/** Reads keys from the terminal on standard input. */
class Keys {
  readonly #onKey: (key: string) => void
  #isReading = false
  readonly #onKeypress = (text: string | undefined, key: Key): void => {
    if (this.#isReading) this.#onKey(keyName(text, key))
  }
  /** The terminal is gone. */
  readonly #onEnd = (): void => process.exit(SIGNAL_EXITS.SIGHUP)

  constructor(onKey: (key: string) => void) {
    this.#onKey = onKey
    emitKeypressEvents(process.stdin)
    process.stdin.on('keypress', this.#onKeypress).on('end', this.#onEnd).on('error', this.#onEnd)
  }

  start(): void {
    this.#isReading = true
    process.stdin.setRawMode(true).resume()
  }

  /** Restores the mode of the terminal; other programs can read from it. */
  stop(): void {
    if (!this.#isReading) return
    this.#isReading = false
    process.stdin.setRawMode(false).pause()
  }

  close(): void {
    this.stop()
    process.stdin.off('keypress', this.#onKeypress).off('end', this.#onEnd).off('error', this.#onEnd)
  }
}

/** Fills the terminal on standard output until `close`, or until this process exits; Ctrl-Z restores the terminal until `fg`. */
export function openTerminal({ redraw, onKey, lastLines }: TerminalOptions): Terminal {
  const { stdout } = process
  const size = (): Size => ({
    columns: stdout.columns || DEFAULT_COLUMNS,
    rows: stdout.rows || DEFAULT_ROWS,
  })
  let isOpen = false
  const enter = (): void => {
    isOpen = true
    stdout.write(ansi.enterAlternativeScreen + ansi.cursorHide)
    keys?.start()
  }
  const leave = (): void => {
    if (!isOpen) return
    isOpen = false
    keys?.stop()
    stdout.write(ansi.cursorShow + ansi.exitAlternativeScreen)
  }
  /** @param pid this process, or 0 for its process group, which the terminal stops at Ctrl-Z */
  const suspend = (pid: number): void => {
    const wasOpen = isOpen
    leave()
    process.off('SIGTSTP', onSuspend)
    // This process has no handler for the signal now, so it stops; the kernel ignores the signal if no shell could continue it.
    process.kill(pid, 'SIGTSTP')
    setImmediate(() => {
      process.once('SIGTSTP', onSuspend)
      if (!wasOpen) return
      enter()
      redraw()
    })
  }
  const onSuspend = (): void => suspend(process.pid)
  const keys =
    onKey === undefined
      ? undefined
      : new Keys((key) => {
          if (key === 'ctrl-c') process.exit(EXIT.interrupted)
          else if (key === 'ctrl-\\') process.exit(SIGNAL_EXITS.SIGQUIT)
          else if (key === 'ctrl-z') suspend(0)
          else onKey(key)
        })
  let isClosed = false
  const close = (): void => {
    if (isClosed) return
    isClosed = true
    const lines = lastLines().map((line) => `${inLocale(line)}\n`)
    leave()
    keys?.close()
    stdout.write(lines.join(''))
    stdout.off('resize', redraw)
    process.off('SIGTSTP', onSuspend).off('exit', close)
  }
  enter()
  stdout.on('resize', redraw)
  process.once('SIGTSTP', onSuspend).once('exit', close)
  for (const [signal, code] of Object.entries(SIGNAL_EXITS)) process.once(signal, () => process.exit(code))
  return {
    size,
    draw: (lines) => {
      if (isOpen) stdout.write(paintedFrame(lines.map(inLocale), size().rows))
    },
    lend: async (run) => {
      leave()
      try {
        return await run()
      } finally {
        if (!isClosed) {
          enter()
          redraw()
        }
      }
    },
    close,
  }
}
