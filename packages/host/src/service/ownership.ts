import { lstat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { errnoOf, IapeerError } from '@iapeer/core/errors'
import { readRegularFile } from '@iapeer/core/storage'

const MARKER = 'made by iapeer: '

/** Percent-encodes the characters that a comment of a unit or of XML cannot contain. */
const encoded = (root: string): string =>
  root.replace(/[%\\<>&\p{Cc}]|-(?=-)|^ | $/gu, (text) =>
    [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0').toUpperCase()}`).join(''),
  )

/** Returns the text that marks a generated file as written by iapeer for `root`. It never changes: installed files have it. */
export const markerOf = (root: string): string => `${MARKER}${encoded(resolve(root))}`

/**
 * The owner of the file at the path of the service. `ours`: iapeer wrote it for this root. `other`: iapeer wrote it for another root.
 * `foreign`: iapeer did not write it.
 */
export type ServiceFileState =
  | { readonly state: 'none' }
  | { readonly state: 'ours'; readonly text: string }
  | { readonly state: 'other'; readonly root: string }
  | { readonly state: 'foreign' }

function rootMarked(text: string): string | undefined {
  const [, root] = /^(?:# |<!-- )made by iapeer: (.*?)(?: -->)?$/m.exec(text) ?? []
  try {
    return root === undefined ? undefined : decodeURIComponent(root)
  } catch (error) {
    if (error instanceof URIError) return undefined
    throw error
  }
}

/** Returns who owns the file of a service. A file without the marker is foreign, and so is any link. */
export async function inspectServiceFile(path: string, root: string): Promise<ServiceFileState> {
  try {
    if (!(await lstat(path)).isFile()) return { state: 'foreign' }
  } catch (error) {
    const code = errnoOf(error)
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error
    return { state: 'none' }
  }
  const text = (await readRegularFile(path))?.text
  if (text === undefined) return { state: 'none' }
  const marked = rootMarked(text)
  if (marked === undefined) return { state: 'foreign' }
  return marked === resolve(root) ? { state: 'ours', text } : { state: 'other', root: marked }
}

/** Checks that iapeer may write or remove the file of a service. @throws IapeerError `service-not-ours` */
export function assertOwnFile(path: string, found: ServiceFileState): void {
  if (found.state === 'foreign')
    throw new IapeerError(`${path} was not made by iapeer`, {
      code: 'service-not-ours',
      hint: 'iapeer did not change it. Move it away, then run the command again.',
    })
  if (found.state === 'other')
    throw new IapeerError(`${path} is the service of another root: ${found.root}`, {
      code: 'service-not-ours',
      hint: `Remove that service first: IAPEER_ROOT=${found.root} iapeer service uninstall`,
    })
}
