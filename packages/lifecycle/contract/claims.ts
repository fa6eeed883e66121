/** Claims about a real program, one line each: what iapeer relies on, and whether it holds. */
export class Claims {
  #broken = 0

  /** How many do not hold. */
  get broken(): number {
    return this.#broken
  }

  /** @param detail what was seen, for the line */
  check(what: string, holds: boolean, detail = ''): void {
    if (!holds) this.#broken++
    process.stdout.write(`${holds ? 'ok    ' : 'NOT OK'} ${what}${detail === '' ? '' : ` (${detail})`}\n`)
  }

  /** Makes checks one after the other; one that cannot be made to its end keeps no other from being made. */
  async each<Check extends { readonly name: string }>(
    checks: readonly Check[],
    make: (check: Check) => Promise<void>,
  ): Promise<void> {
    for (const check of checks) {
      try {
        await make(check)
      } catch (error) {
        this.check(`${check.name} can be made`, false, error instanceof Error ? error.message : String(error))
      }
    }
  }

  /** Checks that something comes to be within a time. @returns what came */
  async comes<T>(
    what: string,
    look: () => T | undefined | false | Promise<T | undefined | false>,
    limitMs = 8_000,
  ): Promise<T | undefined> {
    const from = performance.now()
    const found = await within(look, limitMs)
    const ms = Math.round(performance.now() - from)
    this.check(what, found !== undefined, found === undefined ? `not within ${limitMs} ms` : `${ms} ms`)
    return found
  }
}

const LOOK_MS = 20

/** Looks until something is there; undefined when the time is over. */
export async function within<T>(
  look: () => T | undefined | false | Promise<T | undefined | false>,
  limitMs: number,
): Promise<T | undefined> {
  const until = performance.now() + limitMs
  for (;;) {
    const found = await look()
    if (found !== undefined && found !== false) return found
    if (performance.now() >= until) return undefined
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
}
