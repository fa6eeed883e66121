import { existsSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Identity } from '@iapeer/core/identity'
import { rootLayout } from '@iapeer/core/paths'
import { replaceFile } from '@iapeer/core/storage'

/**
 * A server whose peer was taken down, and which lives on for the sessions of others:
 * `state/lifecycle/<identity>-<gen>.left`.
 */
const SUFFIX = '.left'
const pathOf = (root: string, identity: Identity, gen: string): string =>
  join(rootLayout(root).lifecycleStateDir, `${identity}-${gen}${SUFFIX}`)

export async function noteDetached(root: string, identity: Identity, gen: string): Promise<void> {
  await replaceFile(pathOf(root, identity, gen), `${new Date().toISOString()}\n`)
}

export const isDetached = (root: string, identity: Identity, gen: string): boolean =>
  existsSync(pathOf(root, identity, gen))

/** Forgets those whose recorder is gone, since their server is. */
export async function sweepDetached(
  root: string,
  identity: Identity,
  living: ReadonlySet<string>,
): Promise<void> {
  for (const name of await readdir(rootLayout(root).lifecycleStateDir)) {
    const gen = name.slice(identity.length + 1, -SUFFIX.length)
    if (
      name.startsWith(`${identity}-`) &&
      name.endsWith(SUFFIX) &&
      /^[0-9a-f]{16}$/.test(gen) &&
      !living.has(gen)
    )
      await rm(pathOf(root, identity, gen), { force: true })
  }
}
