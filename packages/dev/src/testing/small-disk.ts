import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './run.ts'

/** Whether this process may mount a file system of its own; where not, tests of full disks are skipped. */
export const mayMount = process.platform === 'linux' && process.getuid?.() === 0

/** A file system of 1 MiB. */
export interface SmallDisk {
  readonly path: string
  /** Read-only, and writable again. */
  readonly remount: (mode: 'ro' | 'rw') => Promise<void>
  /** Fills it to the last block. @returns what makes room again */
  readonly fill: () => () => void
  readonly remove: () => Promise<unknown>
}

/** Mounts a tmpfs of 1 MiB at `path`, which is made. */
export async function smallDisk(path: string): Promise<SmallDisk> {
  mkdirSync(path)
  const mounted = await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'iapeer-test', path])
  if (mounted.exitCode !== 0) throw new Error(`mount failed: ${mounted.stderr}`)
  // A second mount over the first: files that are held open for writing would keep that one from being read-only.
  const remount = async (mode: 'ro' | 'rw'): Promise<void> => {
    const steps =
      mode === 'rw'
        ? [['umount', '-l', path]]
        : [
            ['mount', '--bind', path, path],
            ['mount', '-o', 'remount,bind,ro', path],
          ]
    for (const [file = '', ...args] of steps) {
      const done = await run(file, args)
      if (done.exitCode !== 0) throw new Error(`${file} failed: ${done.stderr}`)
    }
  }
  const fill = (): (() => void) => {
    const filler = join(path, 'filler')
    for (;;) {
      try {
        writeFileSync(filler, Buffer.alloc(4096), { flag: 'a' })
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return () => rmSync(filler)
        throw error
      }
    }
  }
  const remove = async (): Promise<void> => {
    while ((await run('umount', ['-l', path])).exitCode === 0);
  }
  return { path, remount, fill, remove }
}
