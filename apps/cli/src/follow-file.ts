import { type FileHandle, open, stat } from 'node:fs/promises'
import { StringDecoder } from 'node:string_decoder'
import { errnoOf } from '@iapeer/core/errors'
import { EXIT } from './exit-code.ts'
import { onReaderGone } from './output.ts'

const POLL_MS = 100
const AT_ONCE = 256 * 1024

interface Opened {
  readonly file: FileHandle
  readonly inode: bigint
  /** How much of it is read, in bytes. */
  at: number
}

async function serverGoneError<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

async function openFile(path: string): Promise<Opened | undefined> {
  const file = await serverGoneError(open(path, 'r'))
  if (file === undefined) return undefined
  return { file, inode: (await file.stat({ bigint: true })).ino, at: 0 }
}

async function readOn(opened: Opened): Promise<Buffer> {
  const { size } = await opened.file.stat()
  // Emptied in place, as pane logs are.
  if (size < opened.at) opened.at = 0
  const buffer = Buffer.alloc(Math.min(size - opened.at, AT_ONCE))
  const { bytesRead } = await opened.file.read(buffer, 0, buffer.length, opened.at)
  opened.at += bytesRead
  return buffer.subarray(0, bytesRead)
}

/** Whether another file has the path now; a path without a file is not another file yet. */
async function isReplaced(path: string, { inode }: Opened): Promise<boolean> {
  const now = await serverGoneError(stat(path, { bigint: true }))
  return now !== undefined && now.ino !== inode
}

export interface PrintOptions {
  /** Goes on until the reader of the standard output exits, across rotation. */
  readonly follow: boolean
  /** Makes what is printed of the next piece of the file; `isLast` where the file has ended. */
  readonly shown: (text: string, isLast: boolean) => string
}

/** Prints a file that is open to its present end. */
async function printOn(opened: Opened, decoder: StringDecoder, { shown }: PrintOptions): Promise<void> {
  for (;;) {
    const bytes = await readOn(opened)
    if (bytes.length === 0) return
    process.stdout.write(shown(decoder.write(bytes), false))
  }
}

async function endFile({ file }: Opened, decoder: StringDecoder, { shown }: PrintOptions): Promise<void> {
  process.stdout.write(shown(decoder.end(), true))
  await file.close()
}

/**
 * Prints a file. A file that is rotated while it is followed is printed to its end before the next one.
 * @returns false when there is no such file
 */
export async function printFile(path: string, options: PrintOptions): Promise<boolean> {
  // A character may lie across two reads.
  const decoder = new StringDecoder('utf8')
  onReaderGone(() => process.exit(EXIT.ok))
  let opened = await openFile(path)
  if (!options.follow) {
    if (opened === undefined) return false
    await printOn(opened, decoder, options)
    await endFile(opened, decoder, options)
    return true
  }
  for (;;) {
    opened ??= await openFile(path)
    if (opened !== undefined) await printOn(opened, decoder, options)
    if (opened !== undefined && (await isReplaced(path, opened))) {
      // What was written between the last read and the rotation.
      await printOn(opened, decoder, options)
      await endFile(opened, decoder, options)
      opened = undefined
    } else await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}
