import { basename } from 'node:path'
import { IapeerError } from '../errors/index.ts'
import { containedPath } from './contained-path.ts'
import { keepAttributesOf } from './keep-attributes.ts'
import { makeFile, replaceFile } from './replace-file.ts'

/** Options of {@link writeFileAtomic} and {@link writeFileNew}. */
export interface WriteOptions {
  /**
   * The directory in which the file must be after every symbolic link of its path is resolved. A link that stays inside
   * is followed and kept; a link that leads out is an error. Without this option, the file replaces a link at `path`.
   */
  readonly within?: string
}

/** The registry, which is written only under its lock. */
const RESERVED = /^peers-profiles\.json$/i

function assertNotReserved(path: string): void {
  if (!RESERVED.test(basename(path))) return
  throw new IapeerError(`only the registry writes ${path}`, {
    code: 'reserved-file',
    hint: 'Use the functions of @iapeer/core/registry, which hold its lock.',
  })
}

async function targetOf(path: string, { within }: WriteOptions): Promise<string> {
  return within === undefined ? path : containedPath(path, within)
}

/**
 * Replaces a file atomically: writes and fsyncs a temporary file beside it, renames it, fsyncs the directory. A new file
 * is 0600, an existing file keeps its mode. A reader sees the old or the new content, never a part. On an error the old
 * file stays.
 * @throws the Node.js system error (`ENOSPC`, `EROFS`, ...); IapeerError `outside-root`, `reserved-file`,
 *   `file-not-synced` (the file is replaced)
 */
export async function writeFileAtomic(
  path: string,
  content: string,
  options: WriteOptions = {},
): Promise<void> {
  assertNotReserved(path)
  const target = await targetOf(path, options)
  await replaceFile(target, content, keepAttributesOf(target))
}

/**
 * Creates a file atomically, as {@link writeFileAtomic} does, if it does not exist.
 * @throws the Node.js system error, `EEXIST` if the file exists; IapeerError `outside-root`, `reserved-file`,
 *   `file-not-synced` (the file is created)
 */
export async function writeFileNew(path: string, content: string, options: WriteOptions = {}): Promise<void> {
  assertNotReserved(path)
  await makeFile(await targetOf(path, options), content)
}
