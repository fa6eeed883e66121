/** Returns when a peer starts again: `restarting in 12 s`. */
export const restartText = (nextStartAt: string, nowMs = Date.now()): string =>
  `restarting in ${Math.max(0, Math.ceil((Date.parse(nextStartAt) - nowMs) / 1_000))} s`
