import { join } from 'node:path'
import { list, parseJson } from '@iapeer/core/json'
import { rootLayout } from '@iapeer/core/paths'
import { readRegularFile, replaceFile } from '@iapeer/core/storage'

const REMEMBERED = 2_000

/** The deaths that were told already: `state/lifecycle/told.json`. Undefined where nobody ever told any. */
export async function readNotified(root: string): Promise<ReadonlySet<string> | undefined> {
  const found = await readRegularFile(join(rootLayout(root).lifecycleStateDir, 'told.json'))
  if (found === undefined) return undefined
  const value = parseJson(found.text)
  // As if none was ever told: what died before is no news.
  return value === undefined ? undefined : new Set(list(value).filter((one) => typeof one === 'string'))
}

export async function writeNotified(root: string, notified: Iterable<string>): Promise<void> {
  const newest = [...notified].slice(-REMEMBERED)
  await replaceFile(join(rootLayout(root).lifecycleStateDir, 'told.json'), `${JSON.stringify(newest)}\n`)
}
