/** A queue of offsets in ascending order, with removal from the front in constant time. */
export class StartQueue {
  #starts: number[] = []
  #head = 0

  get first(): number | undefined {
    return this.#starts[this.#head]
  }

  get last(): number | undefined {
    return this.#head < this.#starts.length ? this.#starts[this.#starts.length - 1] : undefined
  }

  *values(): Generator<number, void> {
    for (let at = this.#head; at < this.#starts.length; at++) yield this.#starts[at] ?? 0
  }

  push(start: number): void {
    this.#starts.push(start)
  }

  /** Removes the offsets before `from`. */
  dropBefore(from: number): void {
    while (this.#head < this.#starts.length && (this.#starts[this.#head] ?? from) < from) this.#head++
    if (this.#head > 1_024 && this.#head * 2 > this.#starts.length) {
      this.#starts = this.#starts.slice(this.#head)
      this.#head = 0
    }
  }

  clear(): void {
    this.#starts = []
    this.#head = 0
  }

  /** Moves all offsets of another queue into this one. Takes constant time if one is empty or has one later offset. */
  takeAll(other: StartQueue): void {
    const [first, last] = [other.first, this.last]
    if (first === undefined) return
    if (last === undefined) {
      this.#starts = other.#starts
      this.#head = other.#head
    } else {
      for (let at = other.#head; at < other.#starts.length; at++)
        this.#starts.push(other.#starts[at] ?? first)
      if (first < last) this.#starts = this.#starts.slice(this.#head).sort((a, b) => a - b)
      if (first < last) this.#head = 0
    }
    other.clear()
  }
}
