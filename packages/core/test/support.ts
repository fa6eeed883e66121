import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { asyncCleanups, privateFolder } from '@iapeer/dev/testing'

/** Call once per test file: private folders that go with their test. */
export function folders(): { readonly folder: () => string; readonly track: (undo: () => unknown) => void } {
  const track = asyncCleanups()
  const folder = (): string => {
    const made = privateFolder()
    track(made.remove)
    return made.path
  }
  return { folder, track }
}

export const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))

/** A folder in a folder, made. */
export function sub(parent: string, ...names: string[]): string {
  const path = join(parent, ...names)
  mkdirSync(path, { recursive: true })
  return path
}
