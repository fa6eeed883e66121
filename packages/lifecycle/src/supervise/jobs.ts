/** How many peers something is done about at a time. */
const CONCURRENCY = 8

export interface Jobs {
  /** Does something about one peer, unless something is being done about it already. */
  readonly start: (key: string, act: () => Promise<void>) => void
  /** Begins nothing more, and waits until what runs is done, or the time is up. */
  readonly end: (limitMs: number) => Promise<void>
}

/**
 * One job a peer, several peers at a time: a peer that hangs delays no other.
 * @param onError hears of every job that fails
 */
export function createJobs(onError: (key: string, error: unknown) => void): Jobs {
  const running = new Map<string, Promise<void>>()
  const pending = new Map<string, () => Promise<void>>()
  let isOver = false

  const run = async (key: string, act: () => Promise<void>): Promise<void> => {
    try {
      await act()
    } catch (error) {
      // Whatever it was, it is that of one peer.
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
      if (isOver || running.has(key) || pending.has(key)) return
      pending.set(key, act)
      next()
    },
    end: async (limitMs) => {
      isOver = true
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
