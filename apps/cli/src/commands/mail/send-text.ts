import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { errnoOf, IapeerError } from '@iapeer/core/errors'
import { usageError } from '../../exit-code.ts'

/** More bytes than the longest message can have: the rest of a larger file is not read. */
const MOST_BYTES = 256 * 1024
/** How long a pipe that was not asked for may take until it gives its first byte, in milliseconds. */
const FIRST_BYTE_MS = 30_000

/** The places that can give the text. */
export interface TextSources {
  readonly words: readonly string[]
  readonly message: string | undefined
  readonly file: string | undefined
}

const HOW = 'Use one of: iapeer send bob TEXT, --message TEXT, --file PATH, or - for standard input.'

function invalid(message: string, cause?: unknown): IapeerError {
  return new IapeerError(message, {
    code: 'invalid-message',
    hint: 'A message is text. Attach any other file: --attach PATH',
    ...(cause === undefined ? {} : { cause }),
  })
}

/** Decodes a text, without the newline at its end. @throws IapeerError `invalid-message` */
function decode(bytes: Uint8Array, where: string): string {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    throw invalid(`${where} is not text in UTF-8`, error)
  }
  if (text.includes('\0')) throw invalid(`${where} has a NUL byte: it is not text`)
  return text.replace(/\r?\n$/, '')
}

/** Reads a stream to its end. @throws IapeerError `invalid-message` if it is too long */
async function readAll(stream: Readable, where: string): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stream) {
    const buffer = Buffer.from(chunk)
    bytes += buffer.length
    if (bytes > MOST_BYTES)
      throw new IapeerError(`${where} is too long for a message`, {
        code: 'invalid-message',
        hint: 'A message has at most 16,000 characters. Attach the file instead: --attach PATH',
      })
    chunks.push(buffer)
  }
  return Buffer.concat(chunks)
}

async function readFileText(path: string): Promise<string> {
  if (path === '') throw usageError('the path of --file is empty', HOW)
  try {
    return decode(await readAll(createReadStream(path), path), path)
  } catch (error) {
    const code = errnoOf(error)
    if (code === undefined || error instanceof IapeerError) throw error
    throw usageError(
      `cannot read ${path}: ${code === 'ENOENT' ? 'it does not exist' : code === 'EISDIR' ? 'it is a directory' : code}`,
      HOW,
    )
  }
}

/** Reads standard input. A pipe that was not asked for may be one that is never closed: that one has to give something soon. */
async function readInput(isAsked: boolean): Promise<string> {
  const { stdin } = process
  if (stdin.isTTY === true)
    process.stderr.write('iapeer: type the message; Ctrl-D on a line of its own sends it\n')
  const timer = isAsked
    ? undefined
    : setTimeout(() => {
        stdin.destroy(
          usageError(
            `no text was given, and standard input gave none within ${FIRST_BYTE_MS / 1_000} s`,
            'Give the text as words, or pass - to wait for standard input.',
          ),
        )
      }, FIRST_BYTE_MS)
  stdin.once('readable', () => clearTimeout(timer))
  try {
    return decode(await readAll(stdin, 'standard input'), 'standard input')
  } finally {
    clearTimeout(timer)
  }
}

/** Reads the text of a message from the one place that gives it. @throws IapeerError `usage`, `invalid-message` */
export async function readText({ words, message, file }: TextSources): Promise<string> {
  const isInput = words.length === 1 && words[0] === '-'
  const given = [
    ...(words.length === 0 ? [] : [isInput ? '- (standard input)' : 'words']),
    ...(message === undefined ? [] : ['--message']),
    ...(file === undefined ? [] : ['--file']),
  ]
  if (given.length > 1) throw usageError(`the text is given twice: ${given.join(' and ')}`, HOW)
  if (message !== undefined) return notEmpty(message, '--message is empty')
  if (file !== undefined) return notEmpty(await readFileText(file), `${file} is empty`)
  if (words.length > 0 && !isInput) return notEmpty(words.join(' '), 'the message is empty')
  if (!isInput && process.stdin.isTTY === true) throw usageError('no text is given', HOW)
  const text = await readInput(isInput)
  return notEmpty(text, isInput ? 'standard input is empty' : 'no text is given, and standard input is empty')
}

function notEmpty(text: string, problem: string): string {
  if (text.trim() === '') throw usageError(problem, HOW)
  return text
}
