import { statSync } from 'node:fs'
import type { Readable } from 'node:stream'

/** How long output may still come after the client's end. */
const DRAIN_MS = 100

type Execa = typeof import('execa')

let loading: Promise<Execa> | undefined

/**
 * Loads execa when it is first needed: it is most of the start-up time of a command that may not need it.
 *
 * Node.js 20 leaves links in a path as they are when the file that was looked at last is a socket or a pipe: its
 * `realpathSync` asks the result of an earlier call. Behind a link, as pnpm makes them, execa would not find what it needs.
 */
export function loadExeca(): Promise<Execa> {
  if (loading === undefined) {
    statSync('/')
    loading = import('execa')
  }
  return loading
}

/**
 * A client hands its output to the server as open files. A stopped server keeps them, so their end never comes although
 * the client is gone: what it wrote has been read by now, and nothing more will come.
 */
export function letGoSoon(outputs: readonly Readable[]): void {
  const letGo = (): void => {
    for (const output of outputs) output.destroy()
  }
  // Where this process was held up, what has come in meanwhile is read first.
  setTimeout(() => setImmediate(letGo), DRAIN_MS).unref()
}
