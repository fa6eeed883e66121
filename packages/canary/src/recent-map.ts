/** More than any host has peers, and small enough for a process that runs for months. */
const MAX_ENTRIES = 1_000

/** A map that holds at most {@link MAX_ENTRIES} entries: one more drops the entry that was set first. */
export class RecentMap<V> {
  readonly #values = new Map<string, V>()

  get(key: string): V | undefined {
    return this.#values.get(key)
  }

  set(key: string, value: V): void {
    this.#values.delete(key)
    this.#values.set(key, value)
    const [oldest] = this.#values.keys()
    if (oldest !== undefined && this.#values.size > MAX_ENTRIES) this.#values.delete(oldest)
  }

  delete(key: string): void {
    this.#values.delete(key)
  }
}
