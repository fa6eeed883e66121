/** More than the peers of any host, and no burden for a process that runs for months. */
const MOST = 1_000

/** What a process remembers by name, the newest of it: more than {@link MOST} names forget the one that was set first. */
export class RecentMap<V> {
  readonly #values = new Map<string, V>()

  get(key: string): V | undefined {
    return this.#values.get(key)
  }

  set(key: string, value: V): void {
    this.#values.delete(key)
    this.#values.set(key, value)
    const [oldest] = this.#values.keys()
    if (oldest !== undefined && this.#values.size > MOST) this.#values.delete(oldest)
  }

  delete(key: string): void {
    this.#values.delete(key)
  }
}
