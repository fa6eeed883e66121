import { mkdirSync, rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from './run.ts'

/** The kernel's tracing file system, mounted for a test. */
export interface TestTracefs {
  readonly path: string
  readonly remove: () => Promise<void>
}

/** Mounts tracefs in a temporary directory. @returns the reason if it cannot be mounted */
export async function mountTracefs(): Promise<TestTracefs | string> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'only root on Linux may trace'
  const directory = await mkdtemp(join(tmpdir(), 'iapt-'))
  const path = join(directory, 'tracing')
  mkdirSync(path)
  const mounted = await run('mount', ['-t', 'tracefs', 'nodev', path])
  const remove = async (): Promise<void> => {
    await run('umount', ['-l', path])
    rmSync(directory, { recursive: true })
  }
  if (mounted.exitCode === 0) return { path, remove }
  rmSync(directory, { recursive: true })
  return `tracefs cannot be mounted: ${mounted.stderr.trim()}`
}
