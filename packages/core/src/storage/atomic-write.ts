import { basename } from 'node:path'
import { IapeerError } from '../errors/index.ts'
import { containedPath } from './contained-path.ts'
import { keepAttributesOf } from './keep-attributes.ts'
import { makeFile, replaceFile } from './replace-file.ts'

export interface WriteOptions {
  /**
   * The directory that the file must lie in when every symbolic link on the way is resolved; a link that stays inside is
   * followed and kept, one that leads out is refused. Without it a link at `path` itself is replaced by the file.
   */
  readonly within?: string
}

/** Files with one writer of their own, which holds a lock when it writes. */
const RESERVED = /^peers-profiles\.json$/i

function assertNotReserved(path: string): void {
  if (!RESERVED.test(basename(path))) return
  throw new IapeerError(`${path} is written by the registry alone`, {
    code: 'reserved-file',
    hint: 'Use the functions of @iapeer/core/registry, which hold its lock.',
  })
}

async function targetOf(path: string, { within }: WriteOptions): Promise<string> {
  return within === undefined ? path : containedPath(path, within)
}

/**
 * Replaces a file as a whole: temporary file beside it, fsync, rename, fsync of the directory. A new file is 0600, an
 * existing one keeps its mode. A reader sees the old content or the new, never a part; on any error the old file stays.
 * @throws the Node system error (`ENOSPC`, `EROFS`, ...); IapeerError `outside-root`, `reserved-file`,
 *   `file-not-synced` (it is written)
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
 * Makes a file as a whole, as {@link writeFileAtomic} does, unless there is one of that name.
 * @throws the Node system error; `EEXIST` when there is one, which stays as it is; IapeerError `outside-root`,
 *   `reserved-file`
 */
export async function writeFileNew(path: string, content: string, options: WriteOptions = {}): Promise<void> {
  assertNotReserved(path)
  await makeFile(await targetOf(path, options), content)
}
