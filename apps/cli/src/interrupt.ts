import { EXIT } from './exit-code.ts'

let launches: AbortController | undefined

/** Has Ctrl-C end this command at once. While it starts peers, the first Ctrl-C aborts the launches, and the second one ends the command. */
export function exitOnInterrupt(): void {
  process.on('SIGINT', () => {
    if (launches === undefined || launches.signal.aborted) process.exit(EXIT.interrupted)
    launches.abort()
  })
}

/** Returns the signal of all launches of this command: Ctrl-C aborts it, and each launch then removes what it has started. */
export function launchSignal(): AbortSignal {
  launches ??= new AbortController()
  return launches.signal
}

/** Whether Ctrl-C has aborted the launches of this command. */
export const isInterrupted = (): boolean => launches?.signal.aborted === true

/**
 * Waits for work that cannot be aborted.
 * @returns what `work` resolves with
 * @throws what `work` rejects with; what `reason` returns, as soon as Ctrl-C aborts the launches
 */
export function unlessInterrupted<T>(work: Promise<T>, reason: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const signal = launchSignal()
    const onAbort = (): void => reject(reason())
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
