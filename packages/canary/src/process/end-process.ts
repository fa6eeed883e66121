import { type ProcessId, signalProcess } from '@iapeer/core/process'

/** SIGTERM, and SIGCONT after it: a stopped process hears of nothing else. */
export async function endProcess(id: ProcessId): Promise<void> {
  await signalProcess(id, 'SIGTERM')
  await signalProcess(id, 'SIGCONT')
}

/** Polls until there is an answer; false when the time is over. */
export async function waitFor<T>(
  look: () => T | false | Promise<T | false>,
  limitMs: number,
  pauseMs = 20,
): Promise<T | false> {
  const end = performance.now() + limitMs
  for (;;) {
    const found = await look()
    if (found !== false || performance.now() > end) return found
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
}
