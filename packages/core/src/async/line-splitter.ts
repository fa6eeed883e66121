/** Splits the text of a stream into lines. It holds at most one line, cut to a limit. */
export class LineSplitter {
  readonly #limit: number
  #rest = ''
  #skipping = false

  /** @param limit the longest line, in UTF-16 units; a longer line is cut to its beginning */
  constructor(limit = 64 * 1024) {
    this.#limit = limit
  }

  /** Returns the lines that end in `chunk`, without their newlines. A line is also returned once it reaches the limit. */
  push(chunk: string): string[] {
    const lines: string[] = []
    let from = 0
    for (let to = chunk.indexOf('\n'); to >= 0; to = chunk.indexOf('\n', from)) {
      if (this.#skipping) this.#skipping = false
      else lines.push(this.#take(chunk.slice(from, to)))
      from = to + 1
    }
    if (this.#skipping) return lines
    this.#rest += chunk.slice(from, from + this.#limit)
    if (this.#rest.length < this.#limit) return lines
    this.#skipping = true
    lines.push(this.#take(''))
    return lines
  }

  #take(end: string): string {
    const line = (this.#rest + end).slice(0, this.#limit)
    this.#rest = ''
    return line
  }
}
