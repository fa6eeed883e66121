import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { syncDirectory } from '@iapeer/core/storage'
import { type CanaryOptions, checkedLocation } from './options.ts'

/** The files that a death is recorded from if the host loses power. */
const SYNCED = ['', '.baseline', '.leader', '.socket'] as const

async function syncFile(path: string): Promise<void> {
  try {
    const file = await open(path, 'r')
    try {
      await file.sync()
    } finally {
      await file.close()
    }
  } catch (error) {
    // Not every recorder writes each of them. Some file systems refuse fsync.
    const code = errnoOf(error)
    if (code !== 'ENOENT' && code !== 'EINVAL' && code !== 'ENOTSUP' && code !== 'EROFS') throw error
  }
}

/**
 * Makes the state and the baseline of a generation survive a power cut. Call it before a launch is reported as done: the recorder
 * is a shell script, which cannot call fsync.
 * @throws the Node system error
 */
export async function syncGeneration(
  options: CanaryOptions & {
    /** 16 hex digits. */
    readonly gen: string
  },
): Promise<void> {
  const { identity, layout } = checkedLocation(options)
  const path = join(layout.canaryDir, `${identity}-${options.gen}`)
  await Promise.all(SYNCED.map((suffix) => syncFile(`${path}${suffix}`)))
  await syncDirectory(layout.canaryDir)
}
