import { type FileHandle, open, stat } from 'node:fs/promises'
import { StringDecoder } from 'node:string_decoder'
import { EXIT } from './exit-code.ts'
import { ifExists } from './if-exists.ts'
import { onReaderGone } from './output.ts'

const POLL_MS = 100
const CHUNK_BYTES = 256 * 1024

interface OpenedFile {
  readonly file: FileHandle
  readonly inode: bigint
  /** The position of the next read, in bytes. */
  position: number
}

async function openFile(path: string): Promise<OpenedFile | undefined> {
  const file = await ifExists(open(path, 'r'))
  if (file === undefined) return undefined
  return { file, inode: (await file.stat({ bigint: true })).ino, position: 0 }
}

async function readChunk(opened: OpenedFile): Promise<Buffer> {
  const { size } = await opened.file.stat()
  // Pane logs are truncated in place.
  if (size < opened.position) opened.position = 0
  const buffer = Buffer.alloc(Math.min(size - opened.position, CHUNK_BYTES))
  const { bytesRead } = await opened.file.read(buffer, 0, buffer.length, opened.position)
  opened.position += bytesRead
  return buffer.subarray(0, bytesRead)
}

/** Whether the path names another file now; false while it names none. */
async function isReplaced(path: string, { inode }: OpenedFile): Promise<boolean> {
  const now = await ifExists(stat(path, { bigint: true }))
  return now !== undefined && now.ino !== inode
}

export interface PrintOptions {
  /** Where to start, in bytes; a shorter file is printed from its start. @default 0 */
  readonly from?: number
  /** Keeps printing, across rotations, until the reader of the standard output exits. */
  readonly follow: boolean
  /** Converts the next piece of the file for printing; `isLast` marks the last piece. */
  readonly format: (text: string, isLast: boolean) => string
}

/** Prints an open file from its position to its present end. */
async function printToEnd(opened: OpenedFile, decoder: StringDecoder, options: PrintOptions): Promise<void> {
  for (;;) {
    const bytes = await readChunk(opened)
    if (bytes.length === 0) return
    process.stdout.write(options.format(decoder.write(bytes), false))
  }
}

async function finishFile(
  { file }: OpenedFile,
  decoder: StringDecoder,
  options: PrintOptions,
): Promise<void> {
  process.stdout.write(options.format(decoder.end(), true))
  await file.close()
}

/**
 * Prints a file. If the file is rotated while it is followed, it is printed to its end before the next one.
 * @returns false if the file does not exist
 */
export async function printFile(path: string, options: PrintOptions): Promise<boolean> {
  // A multi-byte character can be split between two reads.
  const decoder = new StringDecoder('utf8')
  onReaderGone(() => process.exit(EXIT.ok))
  let opened = await openFile(path)
  if (opened !== undefined) opened.position = options.from ?? 0
  if (!options.follow) {
    if (opened === undefined) return false
    await printToEnd(opened, decoder, options)
    await finishFile(opened, decoder, options)
    return true
  }
  for (;;) {
    opened ??= await openFile(path)
    if (opened !== undefined) await printToEnd(opened, decoder, options)
    if (opened !== undefined && (await isReplaced(path, opened))) {
      // Text can have been written between the last read and the rotation.
      await printToEnd(opened, decoder, options)
      await finishFile(opened, decoder, options)
      opened = undefined
    } else await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}
