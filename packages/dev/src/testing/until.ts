/** The shortest and the longest pause between two looks, in milliseconds. */
const PAUSE_MS = { min: 5, max: 25 }

/**
 * Polls until `look` returns anything but undefined or false; throws at the limit. The pause grows with the time that has passed, and is at
 * least as long as a look takes: a test that waits must not take the processor from the one that works.
 */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  limitMs = 10_000,
): Promise<T> {
  const begun = performance.now()
  for (;;) {
    const lookedAt = performance.now()
    const found = await look()
    if (found !== undefined && found !== false) return found
    const now = performance.now()
    if (now - begun > limitMs) throw new Error(`not within ${limitMs} ms: ${what}`)
    const pauseMs = Math.min(PAUSE_MS.max, Math.max(PAUSE_MS.min, (now - begun) / 10))
    await new Promise((resolve) => setTimeout(resolve, Math.max(pauseMs, Math.min(500, now - lookedAt))))
  }
}
