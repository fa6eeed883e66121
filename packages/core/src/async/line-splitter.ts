/** Splits the text of a stream into lines, and keeps no more than a limit of one that does not end. */
export class LineSplitter {
  readonly #limit: number
  #rest = ''
  #skipping = false

  /** @param limit the longest line, in UTF-16 units; of a longer one the beginning is returned and the rest is dropped */
  constructor(limit = 64 * 1024) {
    this.#limit = limit
  }

  /** Returns the lines that end in `chunk`, without their newlines; a line that is too long comes before it has ended. */
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
