/** How many jobs run at a time. */
const CONCURRENCY = 8

/** Runs jobs in the background, one per key. */
export interface Jobs {
  /** Runs a job, unless a job with this key is running or queued. */
  readonly start: (key: string, act: () => Promise<void>) => void
  /** Discards queued jobs, accepts no more, and waits up to `limitMs` for the running ones. */
  readonly end: (limitMs: number) => Promise<void>
}

/**
 * Creates a job runner: one job per peer, several peers at a time, so that a peer that hangs does not delay the others.
 * @param onError called for every job that fails
 */
export function createJobs(onError: (key: string, error: unknown) => void): Jobs {
  const running = new Map<string, Promise<void>>()
  const pending = new Map<string, () => Promise<void>>()
  let isEnded = false

  const run = async (key: string, act: () => Promise<void>): Promise<void> => {
    try {
      await act()
    } catch (error) {
      // Any error concerns one peer only; the other jobs continue.
      onError(key, error)
    } finally {
      running.delete(key)
      next()
    }
  }
  function next(): void {
    for (const [key, act] of pending) {
      if (running.size >= CONCURRENCY) return
      pending.delete(key)
      running.set(key, run(key, act))
    }
  }
  return {
    start: (key, act) => {
      if (isEnded || running.has(key) || pending.has(key)) return
      pending.set(key, act)
      next()
    },
    end: async (limitMs) => {
      isEnded = true
      pending.clear()
      const until = performance.now() + limitMs
      while (running.size > 0 && performance.now() < until)
        await Promise.race([
          Promise.allSettled(running.values()),
          new Promise((resolve) => setTimeout(resolve, Math.max(1, until - performance.now())).unref()),
        ])
    },
  }
}
