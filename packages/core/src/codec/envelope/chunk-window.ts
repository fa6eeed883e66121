const COALESCE_BELOW = 4_096

/** The last part of a stream, as pieces of text. The cost of appending and dropping depends only on the text involved. */
export class ChunkWindow {
  #pieces: { readonly from: number; text: string }[] = []
  #end = 0

  /** The offset after the last character, in UTF-16 units from the start of the stream. */
  get end(): number {
    return this.#end
  }

  append(text: string): void {
    const last = this.#pieces.at(-1)
    if (last !== undefined && last.text.length < COALESCE_BELOW) last.text += text
    else this.#pieces.push({ from: this.#end, text })
    this.#end += text.length
  }

  /** Drops the pieces that end at or before `from`. */
  dropBefore(from: number): void {
    let count = 0
    for (const piece of this.#pieces) {
      if (piece.from + piece.text.length > from) break
      count++
    }
    if (count > 0) this.#pieces.splice(0, count)
  }

  #pieceAt(offset: number): number {
    let [low, high] = [0, this.#pieces.length - 1]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#pieces[middle]?.from ?? 0) <= offset) low = middle
      else high = middle - 1
    }
    return low
  }

  /** Returns the text of `[from, to)` without the parts that were dropped. */
  slice(from: number, to: number): string {
    const parts: string[] = []
    for (let at = this.#pieceAt(from); at < this.#pieces.length; at++) {
      const piece = this.#pieces[at]
      if (piece === undefined || piece.from >= to) break
      parts.push(piece.text.slice(Math.max(from - piece.from, 0), to - piece.from))
    }
    return parts.join('')
  }
}
