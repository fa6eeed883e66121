import { existsSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Identity } from '@iapeer/core/identity'
import { rootLayout } from '@iapeer/core/paths'
import { replaceFile } from '@iapeer/core/storage'

/**
 * Marks a server that still runs after its peer was stopped, because a person has sessions in it:
 * `state/lifecycle/<identity>-<gen>.detached`.
 */
const SUFFIX = '.detached'
/** The suffix of earlier versions: read and removed, not written. */
const FORMER_SUFFIX = '.left'

const pathOf = (root: string, name: string): string => join(rootLayout(root).lifecycleStateDir, name)

/** Marks the server of a generation as detached. */
export async function noteDetached(root: string, identity: Identity, gen: string): Promise<void> {
  await replaceFile(pathOf(root, `${identity}-${gen}${SUFFIX}`), `${new Date().toISOString()}\n`)
}

/** Whether the server of a generation is marked as detached. */
export const isDetached = (root: string, identity: Identity, gen: string): boolean =>
  [SUFFIX, FORMER_SUFFIX].some((suffix) => existsSync(pathOf(root, `${identity}-${gen}${suffix}`)))

const FILE_END = /^-([0-9a-f]{16})\.(?:detached|left)$/

/**
 * Removes the marks of servers of an identity that no recorder watches any more.
 * @param watched the generations that are watched
 */
export async function sweepDetached(
  root: string,
  identity: Identity,
  watched: ReadonlySet<string>,
): Promise<void> {
  for (const name of await readdir(rootLayout(root).lifecycleStateDir)) {
    const gen = name.startsWith(identity) ? FILE_END.exec(name.slice(identity.length))?.[1] : undefined
    if (gen !== undefined && !watched.has(gen)) await rm(pathOf(root, name), { force: true })
  }
}
