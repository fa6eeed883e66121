import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, IapeerError, isIapeerError } from '@iapeer/core/errors'
import { containedPath, namesIn, readRegularFile } from '@iapeer/core/storage'

/** The largest file that goes into a prompt. */
const MOST_BYTES = 256 * 1024

const DOCTRINE = 'IAPEER.md'

/** What one root (the shared one, or a peer's own directory) has to say. */
interface RootDocuments {
  /** Undefined where there is no `IAPEER.md`. */
  readonly doctrine: string | undefined
  readonly others: readonly string[]
  readonly fragments: readonly string[]
}

/** @returns undefined where there is none @throws IapeerError `prompt-too-large`, `prompt-not-text`, `unusable-file` */
async function readDocument(path: string): Promise<string | undefined> {
  const size = (await statsOf(path))?.size ?? 0
  if (size > MOST_BYTES)
    throw new IapeerError(`${path} has ${size} bytes; a file of a prompt has at most ${MOST_BYTES}`, {
      code: 'prompt-too-large',
      hint: 'Shorten it, or move it away: a peer can read a long file when it needs it.',
    })
  const found = await readRegularFile(path)
  if (found === undefined || found.utf8) return found?.text
  throw new IapeerError(`${path} is no UTF-8 text`, {
    code: 'prompt-not-text',
    hint: 'Convert it (iconv -t utf-8), or move it away.',
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

/** Where a listed name really lies; undefined for a link that leads out of the root, and for what is no file. */
async function fileWithin(path: string, root: string): Promise<string | undefined> {
  try {
    const real = await containedPath(path, root)
    return (await statsOf(real))?.isFile() === true ? real : undefined
  } catch (error) {
    if (isIapeerError(error) && error.code === 'outside-root') return undefined
    throw error
  }
}

/** The `*.md` of a directory by name, as a shell lists them: none that begins with a dot. */
async function documentsIn(directory: string): Promise<string[]> {
  try {
    return (await namesIn(directory)).filter((name) => name.endsWith('.md') && !name.startsWith('.')).sort()
  } catch (error) {
    if (errnoOf(error) !== 'ENOTDIR') throw error
    throw new IapeerError(`${directory} is not a directory`, {
      code: 'not-a-directory',
      hint: 'Move that file away; a directory of that name holds the fragments of prompts.',
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

/** The doctrine is meant to be there, so a link that leads away with it is told, not passed over. */
async function readDoctrine(root: string): Promise<string | undefined> {
  try {
    return await readDocument(await containedPath(join(root, DOCTRINE), root))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Reads a root: its doctrine, its other `*.md` and its `fragments/*.md`, each by name.
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
