import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Identity } from '@iapeer/core/identity'
import { rootLayout } from '@iapeer/core/paths'
import { replaceFile } from '@iapeer/core/storage'

/** A peer that was stopped stays so until it is started: `state/lifecycle/<identity>.stopped`. */
const pathOf = (root: string, identity: Identity): string =>
  join(rootLayout(root).lifecycleStateDir, `${identity}.stopped`)

export async function setStopFlag(root: string, identity: Identity): Promise<void> {
  await replaceFile(pathOf(root, identity), `${new Date().toISOString()}\n`)
}

export async function clearStopFlag(root: string, identity: Identity): Promise<void> {
  await rm(pathOf(root, identity), { force: true })
}

export function hasStopFlag(root: string, identity: Identity): boolean {
  return existsSync(pathOf(root, identity))
}
