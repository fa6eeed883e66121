import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { asyncCleanups, privateDirectory, run, until } from '@iapeer/dev/testing'

export const EXAMPLES = fileURLToPath(new URL('../', import.meta.url))
const MAIN = fileURLToPath(new URL('../../apps/cli/dist/main.js', import.meta.url))
export const CANARY = fileURLToPath(new URL('../../packages/canary/dist/bin.js', import.meta.url))

/** Call once per test file: private directories that are empty of processes and gone after each test. */
export function directories(): { newDirectory: () => string; track: (undo: () => unknown) => void } {
  const track = asyncCleanups()
  const newDirectory = (): string => {
    const made = privateDirectory()
    track(made.remove)
    return made.path
  }
  return { newDirectory, track }
}

/** Waits until every recorder of a record directory has finished. */
export async function recordersFinished(states: string): Promise<void> {
  await until('recorders to finish', () => !existsSync(states) || readdirSync(states).length === 0)
}

/** A private root with `iapeer` on the PATH, as on a machine where it is installed. */
export function installed(directory: string) {
  const root = join(directory, 'root')
  const bin = join(directory, 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'iapeer'), `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`)
  chmodSync(join(bin, 'iapeer'), 0o700)
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    IAPEER_ROOT: root,
    TMUX: '',
    PATH: `${bin}:${process.env['PATH']}`,
  }
  const iapeer = (...args: string[]) => run(process.execPath, [MAIN, ...args], { env, limitMs: 30_000 })
  return { root, bin, env, iapeer }
}
