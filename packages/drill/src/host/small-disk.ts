import { type FileHandle, mkdir, open, rm, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { waitUntil } from '@iapeer/core/async'
import { errnoOf } from '@iapeer/core/errors'
import { runProgram } from '@iapeer/core/exec'
import { removePrivateDirectory } from '../private-directory.ts'

const BYTES = 64 * 2 ** 20
const MOUNT_MS = 20_000
const UNMOUNT_MS = 5_000

/** A file system of 64 MiB on a loop device. */
export interface SmallDisk {
  /** Where it is mounted. */
  readonly path: string
  /** Uses all of its blocks. @returns what frees them */
  readonly fill: () => Promise<() => Promise<void>>
  /** Unmounts it. @returns whether it is unmounted */
  readonly remove: () => Promise<boolean>
}

/** Runs a program that Ctrl-C at the terminal does not reach. @returns why it failed */
async function run(...argv: readonly [string, ...string[]]): Promise<string | undefined> {
  const { exitCode, missing, stderr } = await runProgram(argv, { timeoutMs: MOUNT_MS, ownGroup: true })
  if (missing) return `${argv[0]} is not installed`
  return exitCode === 0 ? undefined : `${argv[0]} failed: ${stderr.trim().split('\n')[0] ?? ''}`
}

/** Writes until there is no space for so many bytes. */
async function writeAll(file: FileHandle, size: number): Promise<void> {
  try {
    const zeros = Buffer.alloc(size)
    while ((await file.write(zeros)).bytesWritten === size);
  } catch (error) {
    if (errnoOf(error) !== 'ENOSPC') throw error
  }
}

async function fill(path: string): Promise<() => Promise<void>> {
  const filler = join(path, 'filler')
  const file = await open(filler, 'w', 0o600)
  try {
    for (const size of [2 ** 20, 4_096, 1]) await writeAll(file, size)
  } finally {
    await file.close()
  }
  return () => rm(filler, { force: true })
}

/** Unmounts a disk that a program may still use for a moment. */
async function unmount(path: string): Promise<boolean> {
  const isUnmounted = async (): Promise<true | undefined> =>
    (await run('umount', path)) === undefined ? true : undefined
  return (await waitUntil(isUnmounted, { limitMs: UNMOUNT_MS, everyMs: 100 })) === true
}

/**
 * Makes a file system in `<directory>/disk.img`, and mounts it at `<directory>/disk`. Linux, root.
 * @returns the reason where that is not possible
 */
export async function smallDisk(directory: string): Promise<SmallDisk | string> {
  if (process.platform !== 'linux') return 'it mounts a loop device, which only works on Linux'
  if (process.getuid?.() !== 0) return 'it needs root, to mount a loop device'
  const [image, path] = [join(directory, 'disk.img'), join(directory, 'disk')]
  const file = await open(image, 'wx', 0o600)
  await file.truncate(BYTES)
  await file.close()
  // No blocks are reserved for root, who would otherwise write on.
  const why =
    (await run('mkfs.ext4', '-q', '-F', '-m', '0', image)) ??
    (await run('mkdir', '-m', '700', path)) ??
    (await run('mount', '-o', 'loop,nodev,nosuid', image, path))
  if (why !== undefined) {
    await unlink(image)
    return why
  }
  return { path, fill: () => fill(path), remove: () => unmount(path) }
}

/** Says why a small disk cannot be made; undefined if it can. @param within a directory, in which one is made and removed */
export async function smallDiskRefusal(within: string): Promise<string | undefined> {
  const directory = join(within, 'probe')
  await mkdir(directory, { mode: 0o700 })
  try {
    const disk = await smallDisk(directory)
    if (typeof disk === 'string') return disk
    return (await disk.remove()) ? undefined : 'a loop device that was mounted cannot be unmounted'
  } finally {
    await removePrivateDirectory(directory)
  }
}
