import { inLocale, isDumbTerminal, onReaderGone } from './output.ts'
import { type Pager, startPager } from './pager.ts'
import { widthOf } from './table.ts'

/** Prints text that can be longer than the screen. */
export interface LongOutput {
  /** Prints a text and a newline, with glyphs that the locale can show. @returns false once the reader has exited */
  readonly print: (text: string) => Promise<boolean>
  /** Prints a text unchanged. @returns false once the reader has exited */
  readonly write: (text: string) => Promise<boolean>
}

/** Returns how many rows of a terminal a text fills. */
export function rowsOf(text: string, columns: number): number {
  const lines = text.split('\n')
  // The part behind the last newline is not a row of its own.
  const last = lines.pop() ?? ''
  const rows = (line: string): number => Math.max(1, Math.ceil(widthOf(line) / columns))
  return lines.reduce((sum, line) => sum + rows(line), 0) + (last === '' ? 0 : rows(last))
}

/** Returns a function that writes to standard output and waits for a slow reader, so that a long log is not collected in memory. */
function standardOutput(): LongOutput['write'] {
  const { stdout } = process
  let isGone = false
  onReaderGone(() => {
    isGone = true
  })
  return async (text) => {
    if (isGone) return false
    if (!stdout.write(text))
      await new Promise<void>((resolve) => {
        const done = (): void => {
          stdout.off('drain', done).off('error', done)
          resolve()
        }
        stdout.on('drain', done).on('error', done)
      })
    return !isGone
  }
}

/** A pager that has accepted more text than this was run by the shell. In characters. */
const GIVEN_MAX = 1024 * 1024

/** Collects text until it is longer than the screen, and then passes it to the pager. */
class PagedOutput {
  readonly #print: LongOutput['write']
  #held = ''
  #rows = 0
  #isDecided = false
  #pager: Pager | undefined
  /** What the pager was given, in case its command turns out to be unusable. */
  #given = ''

  constructor(print: LongOutput['write']) {
    this.#print = print
  }

  async write(text: string): Promise<boolean> {
    if (this.#isDecided) return this.#pass(text)
    const { columns, rows } = process.stdout
    this.#held += text
    this.#rows += rowsOf(text, columns || 80)
    // The last row is for the prompt of the shell.
    if (this.#rows < (rows || 24)) return true
    this.#isDecided = true
    this.#pager = await startPager()
    return this.#pass(this.#held)
  }

  async close(): Promise<void> {
    if (!this.#isDecided) await this.#print(this.#held)
    else await this.#closePager()
  }

  async #pass(text: string): Promise<boolean> {
    if (this.#pager === undefined) return this.#print(text)
    if (this.#given.length <= GIVEN_MAX) this.#given += text
    return (await this.#pager.write(text)) || this.#closePager()
  }

  /** Waits until the user quits the pager. If the shell could not run it, prints directly. @returns whether more can be printed */
  async #closePager(): Promise<boolean> {
    const pager = this.#pager
    this.#pager = undefined
    if (pager === undefined) return true
    const wasRun = await pager.close()
    return !wasRun && this.#given.length <= GIVEN_MAX && this.#print(this.#given)
  }
}

/** Whether long output can go to a pager: standard output is a terminal that can move its cursor. */
const canPage = (): boolean => process.stdout.isTTY === true && !isDumbTerminal

/**
 * Runs `produce` with an output that goes to the user's pager where it is longer than the screen, and waits until the user quits
 * the pager.
 * @param isPaged false for `--no-pager`, and for output that goes on or that a program reads
 */
export async function withLongOutput(
  isPaged: boolean,
  produce: (output: LongOutput) => Promise<void>,
): Promise<void> {
  const direct = standardOutput()
  const paged = isPaged && canPage() ? new PagedOutput(direct) : undefined
  const write = (text: string): Promise<boolean> => paged?.write(text) ?? direct(text)
  try {
    await produce({ write, print: (text) => write(`${inLocale(text)}\n`) })
  } finally {
    await paged?.close()
  }
}
