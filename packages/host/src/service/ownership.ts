import { lstat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { errnoOf, IapeerError } from '@iapeer/core/errors'
import { readRegularFile } from '@iapeer/core/storage'

const MARK = 'made by iapeer: '

/** Percent-encoded where a comment of a unit or of XML could not hold it. */
const encoded = (root: string): string =>
  root.replace(/[%\\<>&\p{Cc}]|-(?=-)|^ | $/gu, (text) =>
    [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0').toUpperCase()}`).join(''),
  )

/** The line by which a generated file is known as ours, and whose it is. */
export const markOf = (root: string): string => `${MARK}${encoded(resolve(root))}`

/** What lies where the service's file goes. `other`: ours, for another root. */
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

/** Looks at the file of a service: one without the mark is somebody else's, and so is any link. */
export async function lookAtServiceFile(path: string, root: string): Promise<ServiceFileState> {
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

/** @throws IapeerError `service-not-ours` */
export function assertOwnFile(path: string, found: ServiceFileState): void {
  if (found.state === 'foreign')
    throw new IapeerError(`${path} was not made by iapeer`, {
      code: 'service-not-ours',
      hint: 'It is left alone. Move it away to install or remove the service of iapeer.',
    })
  if (found.state === 'other')
    throw new IapeerError(`${path} is the service of another root: ${found.root}`, {
      code: 'service-not-ours',
      hint: `Remove that one first: IAPEER_ROOT=${found.root} iapeer service uninstall`,
    })
}
