import { statSync } from 'node:fs'
import { createRequire } from 'node:module'

/**
 * Works around a fault of Node.js (nodejs/node#51142): its `realpathSync` reads the result of an earlier stat call. If that file was a
 * socket or a pipe, a link in the path of a library is not resolved, and a library that pnpm has installed behind a link does not
 * find its dependencies.
 */
const forgetLastStat = (): void => {
  statSync('/')
}

/** Loads a library on first use, for callers that cannot wait. @param moduleUrl `import.meta.url` of the caller */
export function requireLibrary<Library>(moduleUrl: string, name: string): Library {
  forgetLastStat()
  return createRequire(moduleUrl)(name)
}

/** Loads a library on first use: `importLibrary(() => import('execa'))`. */
export function importLibrary<Library>(load: () => Promise<Library>): Promise<Library> {
  forgetLastStat()
  return load()
}
