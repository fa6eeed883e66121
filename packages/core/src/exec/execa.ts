import type { Readable } from 'node:stream'
import { importLibrary } from '../libraries.ts'

/** How long output is still read after the child process has exited. */
const DRAIN_MS = 100

type Execa = typeof import('execa')

let loading: Promise<Execa> | undefined

/** Loads execa on first use, because loading it takes most of the start-up time of a command that may not need it. */
export function loadExeca(): Promise<Execa> {
  loading ??= importLibrary(() => import('execa'))
  return loading
}

/**
 * Closes the outputs of a child process that has exited, after a short time to read the rest. Another process may keep
 * them open without an end: a tmux client passes its output to the server, which keeps it if it is stopped.
 */
export function releaseOutputs(outputs: readonly Readable[]): void {
  const letGo = (): void => {
    for (const output of outputs) output.destroy()
  }
  // If this process was delayed, the timer fires before pending output is read: setImmediate lets that happen first.
  setTimeout(() => setImmediate(letGo), DRAIN_MS).unref()
}
