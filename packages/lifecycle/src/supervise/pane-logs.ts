import { constants, ftruncateSync, readSync, writeSync } from 'node:fs'
import { type FileHandle, lstat, open, readdir, rename, rm, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { rootLayout } from '@iapeer/core/paths'

/** A log of this size is rotated. */
const MAX_BYTES = 16 * 1024 * 1024
/** The limit of all logs together. */
const DIRECTORY_MAX_BYTES = 512 * 1024 * 1024
const CHUNK_BYTES = 1024 * 1024

/** The size limits of pane logs. */
export interface PaneLogLimits {
  /** @default 16 MiB */
  readonly maxBytes?: number
  /** @default 512 MiB */
  readonly directoryMaxBytes?: number
}

interface LogFile {
  readonly path: string
  readonly bytes: number
  readonly changedAt: number
}

async function copyRest(from: FileHandle, to: FileHandle, at: number): Promise<number> {
  const buffer = Buffer.alloc(CHUNK_BYTES)
  for (let done = at; ; ) {
    const { bytesRead } = await from.read(buffer, 0, CHUNK_BYTES, done)
    if (bytesRead === 0) return done
    await to.writeFile(buffer.subarray(0, bytesRead))
    done += bytesRead
  }
}

/**
 * Copies what was written in the meantime and truncates the log. Synchronous, so that as little as possible is written in
 * between.
 */
function copyRestAndTruncate(from: number, to: number, at: number): void {
  const buffer = Buffer.alloc(CHUNK_BYTES)
  for (let done = at; ; ) {
    const read = readSync(from, buffer, 0, CHUNK_BYTES, done)
    if (read === 0) break
    writeSync(to, buffer, 0, read)
    done += read
  }
  ftruncateSync(from, 0)
}

/**
 * Copies a log to `<path>.1` and truncates it. In place, because its writer keeps it open while the pane exists. Output that
 * is written in the microseconds between the last read and the truncation is lost.
 */
async function rotateInPlace(path: string): Promise<void> {
  const part = `${path}.1.part`
  const from = await open(path, constants.O_RDWR | constants.O_NOFOLLOW)
  try {
    const to = await open(part, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, 0o600)
    try {
      const copied = await copyRest(from, to, 0)
      copyRestAndTruncate(from.fd, to.fd, copied)
    } finally {
      await to.close()
    }
    await rename(part, `${path}.1`)
  } catch (error) {
    await rm(part, { force: true })
    // The disk has no space for a copy: old output is worth less than free space.
    if (errnoOf(error) !== 'ENOSPC') throw error
    await rm(`${path}.1`, { force: true })
    await from.truncate(0)
  } finally {
    await from.close()
  }
}

async function rotateIfThere(path: string): Promise<void> {
  try {
    await rotateInPlace(path)
  } catch (error) {
    // The file was removed or replaced by a symbolic link in the meantime.
    if (!['ENOENT', 'ELOOP'].includes(errnoOf(error) ?? '')) throw error
  }
}

async function logFiles(directory: string): Promise<LogFile[]> {
  const found: LogFile[] = []
  for (const name of await readdir(directory)) {
    if (!/\.log(?:\.1)?$/.test(name)) continue
    const path = join(directory, name)
    try {
      const entry = await lstat(path)
      if (!entry.isFile()) continue
      const { size, mtimeMs } = entry
      found.push({ path, bytes: size, changedAt: mtimeMs })
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
    }
  }
  return found
}

/** Frees space until the directory is within its limit: first the rotated logs, then the others, least recently written first. */
async function limitDirectory(directory: string, maxBytes: number): Promise<void> {
  const files = await logFiles(directory)
  let bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  const isRotated = (file: LogFile): boolean => file.path.endsWith('.1')
  files.sort((a, b) => Number(isRotated(b)) - Number(isRotated(a)) || a.changedAt - b.changedAt)
  for (const file of files) {
    if (bytes <= maxBytes) return
    if (isRotated(file)) await rm(file.path, { force: true })
    else await truncate(file.path, 0)
    bytes -= file.bytes
  }
}

/**
 * Keeps the pane logs within their limits: each log within 16 MiB, with one rotated file next to it, and the directory within
 * 512 MiB.
 * @returns the number of rotated logs
 * @throws the Node system error if the directory cannot be read
 */
export async function rotatePaneLogs(root: string, limits: PaneLogLimits = {}): Promise<number> {
  const directory = rootLayout(root).paneLogDir
  try {
    const large = (await logFiles(directory)).filter(
      (file) => file.path.endsWith('.log') && file.bytes >= (limits.maxBytes ?? MAX_BYTES),
    )
    for (const file of large) await rotateIfThere(file.path)
    await limitDirectory(directory, limits.directoryMaxBytes ?? DIRECTORY_MAX_BYTES)
    return large.length
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 0
    throw error
  }
}
