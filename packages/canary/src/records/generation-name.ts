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
 * What a generation is called now, `state/names/<gen>`: its recorder reads it at the moment of death, and names the death by
 * it. The names of its files stay those that it was started with.
 */
const notePath = (layout: RecordLayout, gen: string): string => join(layout.namesDir, gen)

/** The name that a generation was given since it was started; undefined where it has that of its files. */
export function currentName(layout: RecordLayout, gen: string): string | undefined {
  const name = parseKeyValues(readIfExists(notePath(layout, gen)) ?? '').get('identity')
  return name !== undefined && isIdentity(name) ? name : undefined
}

/**
 * Returns the name that a generation was given since it was started; undefined where it has that of its files.
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
 * Gives a generation another name, for the record of its death.
 * @param options `identity`: the new one
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
