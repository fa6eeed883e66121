import { constants, ftruncateSync, readSync, writeSync } from 'node:fs'
import { type FileHandle, lstat, open, readdir, rename, rm, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { rootLayout } from '@iapeer/core/paths'

/** A log that has grown past this is kept beside a new one. */
const MAX_BYTES = 16 * 1024 * 1024
/** Of all logs together. */
const DIRECTORY_MAX_BYTES = 512 * 1024 * 1024
const AT_ONCE = 1024 * 1024

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
  const buffer = Buffer.alloc(AT_ONCE)
  for (let done = at; ; ) {
    const { bytesRead } = await from.read(buffer, 0, AT_ONCE, done)
    if (bytesRead === 0) return done
    await to.writeFile(buffer.subarray(0, bytesRead))
    done += bytesRead
  }
}

/** What came meanwhile, and the emptying, without a pause between. */
function takeRest(from: number, to: number, at: number): void {
  const buffer = Buffer.alloc(AT_ONCE)
  for (let done = at; ; ) {
    const read = readSync(from, buffer, 0, AT_ONCE, done)
    if (read === 0) break
    writeSync(to, buffer, 0, read)
    done += read
  }
  ftruncateSync(from, 0)
}

/**
 * Copies a log to `<path>.1` and empties it. In place, because whoever writes it has it open for as long as the pane lives;
 * what comes between the last look and the emptying, microseconds later, is lost.
 */
async function rotateInPlace(path: string): Promise<void> {
  const part = `${path}.1.part`
  const from = await open(path, constants.O_RDWR | constants.O_NOFOLLOW)
  try {
    const to = await open(part, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, 0o600)
    try {
      const copied = await copyRest(from, to, 0)
      takeRest(from.fd, to.fd, copied)
    } finally {
      await to.close()
    }
    await rename(part, `${path}.1`)
  } catch (error) {
    await rm(part, { force: true })
    // No room for a copy: the older half is worth less than a full disk.
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
    // Gone meanwhile, or a link now: no log of ours any more.
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

/** The rotated ones first, then the others, each from the one that nobody has written to for the longest time. */
async function bound(directory: string, maxBytes: number): Promise<void> {
  const files = await logFiles(directory)
  let bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  const isOld = (file: LogFile): boolean => file.path.endsWith('.1')
  files.sort((a, b) => Number(isOld(b)) - Number(isOld(a)) || a.changedAt - b.changedAt)
  for (const file of files) {
    if (bytes <= maxBytes) return
    if (isOld(file)) await rm(file.path, { force: true })
    else await truncate(file.path, 0)
    bytes -= file.bytes
  }
}

/**
 * Keeps the pane logs within their bounds: each within 16 MiB and one older file beside it, the directory within 512 MiB.
 * @returns how many were rotated
 * @throws the Node system error of the directory
 */
export async function rotatePaneLogs(root: string, limits: PaneLogLimits = {}): Promise<number> {
  const directory = rootLayout(root).paneLogDir
  try {
    const large = (await logFiles(directory)).filter(
      (file) => file.path.endsWith('.log') && file.bytes >= (limits.maxBytes ?? MAX_BYTES),
    )
    for (const file of large) await rotateIfThere(file.path)
    await bound(directory, limits.directoryMaxBytes ?? DIRECTORY_MAX_BYTES)
    return large.length
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 0
    throw error
  }
}
