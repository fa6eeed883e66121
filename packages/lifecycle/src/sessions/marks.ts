import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Identity } from '@iapeer/core/identity'
import { rootLayout } from '@iapeer/core/paths'
import { replaceFile } from '@iapeer/core/storage'

export const MARKS = ['stopped', 'fresh', 'idle'] as const

/**
 * What was asked of an identity and outlives its session, a file each: `state/lifecycle/<identity>.<mark>`. `stopped`: it
 * stays down until it is started. `fresh`: when it has ended it is brought up again at once. `idle`: it was parked, so that
 * the next message finds its session again.
 */
export type Mark = (typeof MARKS)[number]

const pathOf = (root: string, identity: Identity, mark: Mark): string =>
  join(rootLayout(root).lifecycleStateDir, `${identity}.${mark}`)

export async function setMark(root: string, identity: Identity, mark: Mark): Promise<void> {
  await replaceFile(pathOf(root, identity, mark), `${new Date().toISOString()}\n`)
}

export async function clearMark(root: string, identity: Identity, mark: Mark): Promise<void> {
  await rm(pathOf(root, identity, mark), { force: true })
}

export function hasMark(root: string, identity: Identity, mark: Mark): boolean {
  return existsSync(pathOf(root, identity, mark))
}
