import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, IapeerError, isIapeerError } from '@iapeer/core/errors'
import { containedPath, namesIn, readRegularFile } from '@iapeer/core/storage'

/** The maximum size of a file in a prompt. */
const MAX_BYTES = 256 * 1024

const DOCTRINE = 'IAPEER.md'

/** The documents of one root: the shared root, or a peer's own `.iapeer` directory. */
interface RootDocuments {
  /** The text of `IAPEER.md`; undefined if there is none. */
  readonly doctrine: string | undefined
  readonly others: readonly string[]
  readonly fragments: readonly string[]
}

/**
 * Reads a file.
 * @returns undefined if it does not exist
 * @throws IapeerError `prompt-too-large`, `prompt-not-text`, `unusable-file`
 */
async function readDocument(path: string): Promise<string | undefined> {
  const size = (await statsOf(path))?.size ?? 0
  if (size > MAX_BYTES)
    throw new IapeerError(`${path} is too large for a system prompt: ${size} bytes, at most ${MAX_BYTES}`, {
      code: 'prompt-too-large',
      hint: 'Shorten the file or move it elsewhere; the peer can read a long file when it needs it.',
    })
  const found = await readRegularFile(path)
  if (found === undefined || found.utf8) return found?.text
  throw new IapeerError(`${path} is not UTF-8 text`, {
    code: 'prompt-not-text',
    hint: 'Convert the file (iconv -t utf-8) or move it elsewhere.',
  })
}

async function statsOf(path: string) {
  try {
    return await stat(path)
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  }
}

/** Returns the real path of a listed file; undefined for a symbolic link out of the root and for anything but a file. */
async function fileWithin(path: string, root: string): Promise<string | undefined> {
  try {
    const real = await containedPath(path, root)
    return (await statsOf(real))?.isFile() === true ? real : undefined
  } catch (error) {
    if (isIapeerError(error) && error.code === 'outside-root') return undefined
    throw error
  }
}

/** Returns the `*.md` names of a directory in order, without hidden files. */
async function documentsIn(directory: string): Promise<string[]> {
  try {
    return (await namesIn(directory)).filter((name) => name.endsWith('.md') && !name.startsWith('.')).sort()
  } catch (error) {
    if (errnoOf(error) !== 'ENOTDIR') throw error
    throw new IapeerError(`${directory} is not a directory`, {
      code: 'not-a-directory',
      hint: 'Move the file elsewhere; a directory with this name holds prompt documents.',
      cause: error,
    })
  }
}

async function readListed(directory: string, names: readonly string[], root: string): Promise<string[]> {
  const texts: string[] = []
  for (const name of names) {
    const path = await fileWithin(join(directory, name), root)
    const text = path === undefined ? undefined : await readDocument(path)
    if (text !== undefined) texts.push(text)
  }
  return texts
}

/** Reads `IAPEER.md`. A symbolic link out of the root is an error here, not skipped: the user expects this file to be read. */
async function readDoctrine(root: string): Promise<string | undefined> {
  try {
    return await readDocument(await containedPath(join(root, DOCTRINE), root))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Reads the documents of a root: `IAPEER.md`, the other `*.md`, and `fragments/*.md`, each in the order of their names.
 * @throws IapeerError `prompt-too-large`, `prompt-not-text`, `unusable-file`, `not-a-directory`, `outside-root`; the Node
 *   system error (`EACCES`, ...)
 */
export async function readDocuments(root: string): Promise<RootDocuments> {
  const fragments = join(root, 'fragments')
  const others = (await documentsIn(root)).filter((name) => name !== DOCTRINE)
  return {
    doctrine: await readDoctrine(root),
    others: await readListed(root, others, root),
    fragments: await readListed(fragments, await documentsIn(fragments), root),
  }
}
