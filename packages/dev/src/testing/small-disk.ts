import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './run.ts'

/** Whether this process may mount a file system. If not, tests of full disks are skipped. */
export const mayMount = process.platform === 'linux' && process.getuid?.() === 0

/** A small file system, by default of 1 MiB, with 500 inodes for each MiB. */
export interface SmallDisk {
  readonly path: string
  /** Makes it read-only, or writable again. */
  readonly remount: (mode: 'ro' | 'rw') => Promise<void>
  /** Fills it to the last block. @returns a function that frees the space */
  readonly fill: () => () => void
  /** Uses up its inodes, so that no file can be made. @returns a function that frees them */
  readonly fillInodes: () => () => void
  readonly remove: () => Promise<unknown>
}

/** Calls `make` until the file system has no space or no inode. */
function untilFull(make: (round: number) => void): void {
  for (let round = 0; ; round++) {
    try {
      make(round)
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return
      throw error
    }
  }
}

/** Makes the directory `path` and mounts a tmpfs there. */
export async function smallDisk(path: string, mebibytes = 1): Promise<SmallDisk> {
  mkdirSync(path)
  const size = `size=${mebibytes}m,nr_inodes=${mebibytes * 500}`
  const mounted = await run('mount', ['-t', 'tmpfs', '-o', size, 'iapeer-test', path])
  if (mounted.exitCode !== 0) throw new Error(`mount failed: ${mounted.stderr}`)
  // Mounts a second time over the first mount, which cannot become read-only while a process has a file open for writing.
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
    untilFull(() => writeFileSync(filler, Buffer.alloc(4096), { flag: 'a' }))
    return () => rmSync(filler)
  }
  const fillInodes = (): (() => void) => {
    const filler = join(path, 'fillers')
    mkdirSync(filler)
    untilFull((round) => writeFileSync(join(filler, String(round)), ''))
    return () => rmSync(filler, { recursive: true })
  }
  const remove = async (): Promise<void> => {
    while ((await run('umount', ['-l', path])).exitCode === 0);
  }
  return { path, remount, fill, fillInodes, remove }
}
