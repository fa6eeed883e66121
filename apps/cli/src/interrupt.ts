import { setMaxListeners } from 'node:events'
import { EXIT } from './exit-code.ts'

let launches: AbortController | undefined
let isHeld = false

/** Makes Ctrl-C exit this command. While the command starts peers, the first Ctrl-C aborts the launches, and the second one exits. */
export function exitOnInterrupt(): void {
  process.on('SIGINT', () => {
    if (isHeld) return
    if (launches === undefined || launches.signal.aborted) process.exit(EXIT.interrupted)
    launches.abort()
  })
}

/** Makes Ctrl-C act only on the other programs of the terminal, such as a pager. @returns a function that ends this */
export function holdInterrupts(): () => void {
  isHeld = true
  return () => {
    isHeld = false
  }
}

/** Returns the signal of all launches of this command: Ctrl-C aborts it, and each launch then stops and removes what it started. */
export function launchSignal(): AbortSignal {
  if (launches !== undefined) return launches.signal
  launches = new AbortController()
  // Each launch of a command listens, and --all begins many.
  setMaxListeners(0, launches.signal)
  return launches.signal
}

/** Whether Ctrl-C has aborted the launches of this command. */
export const isInterrupted = (): boolean => launches?.signal.aborted === true

/**
 * Waits for work that cannot be aborted.
 * @returns the result of `work`
 * @throws the error of `work`; the error that `reason` returns, as soon as Ctrl-C aborts the launches
 */
export function rejectOnInterrupt<T>(work: Promise<T>, reason: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const signal = launchSignal()
    const onAbort = (): void => reject(reason())
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
