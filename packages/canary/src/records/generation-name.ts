import { join } from 'node:path'
import { isIdentity } from '@iapeer/core/identity'
import type { RecordLayout } from '@iapeer/core/paths'
import { makePrivateDirectory, readIfExists, replaceFile } from '@iapeer/core/storage'
import {
  type CanaryOptions,
  checkedLayout,
  checkedLocation,
  checkGen,
  type RecordOptions,
} from './options.ts'
import { parseKeyValues } from './state-file.ts'

/**
 * Returns the path of the note with the present identity of a generation. Its recorder reads the note at the moment of death
 * and records the death under that identity. The generation's files keep the identity that it was started with.
 */
const notePath = (layout: RecordLayout, gen: string): string => join(layout.namesDir, gen)

/** Returns the identity that a rename gave a generation; undefined if it was not renamed. */
export function currentName(layout: RecordLayout, gen: string): string | undefined {
  const name = parseKeyValues(readIfExists(notePath(layout, gen)) ?? '').get('identity')
  return name !== undefined && isIdentity(name) ? name : undefined
}

/**
 * Returns the identity that {@link nameGeneration} gave a generation; undefined if it still has that of its files.
 * @throws IapeerError `invalid-path`, `invalid-options`
 */
export function readGenerationName(
  options: RecordOptions & {
    /** 16 hex digits, from `ensureCanary` or `canaryStatus`. */
    readonly gen: string
  },
): string | undefined {
  return currentName(checkedLayout(options), checkGen(options.gen))
}

/**
 * Renames a generation: its death will be recorded under the new identity.
 * @param options `identity`: the new identity
 * @throws IapeerError `invalid-identity`, `invalid-path`, `invalid-options`; Node system errors when it cannot be written
 */
export async function nameGeneration(
  options: CanaryOptions & {
    /** 16 hex digits, from `ensureCanary` or `canaryStatus`. */
    readonly gen: string
  },
): Promise<void> {
  const { identity, layout } = checkedLocation(options)
  await makePrivateDirectory(layout.namesDir)
  await replaceFile(notePath(layout, checkGen(options.gen)), `identity=${identity}\n`)
}
