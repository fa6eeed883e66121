/** Checks claims about a real program and prints one line for each. */
export class Claims {
  #broken = 0

  /** The number of claims that do not hold. */
  get broken(): number {
    return this.#broken
  }

  /** Prints whether a claim holds. @param detail what was observed */
  check(claim: string, holds: boolean, detail = ''): void {
    if (!holds) this.#broken++
    process.stdout.write(`${holds ? 'ok    ' : 'NOT OK'} ${claim}${detail === '' ? '' : ` (${detail})`}\n`)
  }

  /** Runs checks one after the other. A check that throws counts as a claim that does not hold; the others still run. */
  async each<Check extends { readonly name: string }>(
    checks: readonly Check[],
    run: (check: Check) => Promise<void>,
  ): Promise<void> {
    for (const check of checks) {
      try {
        await run(check)
      } catch (error) {
        this.check(
          `${check.name} runs to its end`,
          false,
          error instanceof Error ? error.message : String(error),
        )
      }
    }
  }

  /** Checks that a value appears within a time limit. @returns the value */
  async appears<T>(
    claim: string,
    read: () => T | undefined | false | Promise<T | undefined | false>,
    limitMs = 8_000,
  ): Promise<T | undefined> {
    const from = performance.now()
    const found = await within(read, limitMs)
    const ms = Math.round(performance.now() - from)
    this.check(claim, found !== undefined, found === undefined ? `not within ${limitMs} ms` : `${ms} ms`)
    return found
  }
}

const POLL_MS = 20

/** Polls until `read` returns a value; undefined if the time limit passes first. */
export async function within<T>(
  read: () => T | undefined | false | Promise<T | undefined | false>,
  limitMs: number,
): Promise<T | undefined> {
  const until = performance.now() + limitMs
  for (;;) {
    const found = await read()
    if (found !== undefined && found !== false) return found
    if (performance.now() >= until) return undefined
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}
