import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { footerOf, frameOf, pageRoom, pageRows, roomFor } from './frame.ts'
import { openTerminal, type Terminal } from './terminal.ts'
import {
  arranged,
  type Content,
  type KeyAction,
  type KeyCommand,
  NEW_VIEW,
  pressed,
  type Size,
} from './view.ts'

type Run = Extract<KeyAction, { readonly kind: 'run' }>

export interface LiveViewOptions {
  /** Returns what is shown on a terminal of this size. */
  readonly content: (size: Size) => Content
  /** The commands of keys; undefined: no keys are read. */
  readonly commands: readonly KeyCommand[] | undefined
  readonly onQuit: () => void
  /** Runs the command of a key. Its error is shown and does not end the view. Only one command runs at a time. */
  readonly run: (action: Run) => Promise<void>
}

/** The rows that are drawn at the end belong to no terminal height. */
const NO_FOOTER = 0

/** A list that fills the terminal: its items can be selected, and keys run commands on the selected one. */
export class LiveView {
  readonly #options: LiveViewOptions
  readonly #terminal: Terminal
  #view = NEW_VIEW
  #running: Run | undefined

  constructor(options: LiveViewOptions) {
    this.#options = options
    this.#terminal = openTerminal({
      redraw: () => this.draw(),
      onKey: options.commands === undefined ? undefined : (key) => this.#press(key),
      lastLines: () => this.#lastLines(),
    })
  }

  draw(): void {
    const { size, content } = this.#arrange()
    const { commands } = this.#options
    this.#terminal.draw(frameOf({ view: this.#view, content, size, commands }))
  }

  /** Shows the result of a command in the last line. */
  report(status: string): void {
    this.#view = { ...this.#view, status }
    this.draw()
  }

  /** Shows a text until a key closes it. */
  openPage({
    title,
    lines,
    atEnd,
  }: {
    readonly title: string
    readonly lines: readonly string[]
    readonly atEnd: boolean
  }): void {
    this.#view = {
      ...this.#view,
      status: undefined,
      page: { title, lines, top: atEnd ? Number.MAX_SAFE_INTEGER : 0 },
    }
    this.draw()
  }

  /** Gives the terminal to another program. */
  lend<T>(run: () => Promise<T>): Promise<T> {
    return this.#terminal.lend(run)
  }

  /** Restores the terminal and prints the items. */
  close(): void {
    this.#terminal.close()
  }

  /** Arranges the view for the present items and the present size. */
  #arrange(): { readonly size: Size; readonly content: Content; readonly room: number } {
    const size = this.#terminal.size()
    const content = this.#options.content(size)
    const frame = { view: this.#view, content, size, commands: this.#options.commands }
    const room = roomFor(content, size, footerOf(frame).length)
    this.#view = arranged(this.#view, content, room)
    return { size, content, room }
  }

  #press(key: string): void {
    const { size, content, room } = this.#arrange()
    const { commands = [] } = this.#options
    const isPage = this.#view.page !== undefined
    const { view, action } = pressed(this.#view, key, {
      content,
      commands,
      room: isPage ? pageRoom(size) : room,
      pageRows: isPage ? pageRows({ view: this.#view, size }).length : 0,
    })
    this.#view = view
    if (action?.kind === 'run') this.#start(action)
    if (action?.kind === 'quit') this.#options.onQuit()
    else this.draw()
  }

  #start(action: Run): void {
    const running = this.#running
    if (running !== undefined) {
      this.report(`${running.command.name} ${running.id} is still running`)
      return
    }
    this.#running = action
    this.#view = { ...this.#view, status: `${action.command.name} ${action.id} ...` }
    this.#options
      .run(action)
      .catch((error: unknown) => {
        if (!(error instanceof Error) || (!isIapeerError(error) && errnoOf(error) === undefined)) throw error
        this.report(error.message)
      })
      .finally(() => {
        this.#running = undefined
      })
  }

  #lastLines(): string[] {
    const size = this.#terminal.size()
    const content = this.#options.content(size)
    const { head, items, empty } = content
    if (items.length === 0) return [...empty]
    const rows = roomFor(content, size, NO_FOOTER)
    const shown = items.slice(0, rows).map(({ line }) => line)
    return [head, ...shown, ...(items.length > rows ? [`+ ${items.length - rows} more: iapeer list`] : [])]
  }
}
