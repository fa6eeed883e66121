import { join } from 'node:path'
import { list, parseJson } from '@iapeer/core/json'
import { rootLayout } from '@iapeer/core/paths'
import { readRegularFile, replaceFile } from '@iapeer/core/storage'

const REMEMBERED = 2_000

const FILE = 'notified.json'
/** The name of that file in earlier versions: read where the new one is absent. */
const FORMER_FILE = 'told.json'

/**
 * Reads the ids of the deaths that were notified: `state/lifecycle/notified.json`. Undefined where that file was never
 * written.
 */
export async function readNotified(root: string): Promise<ReadonlySet<string> | undefined> {
  const { lifecycleStateDir } = rootLayout(root)
  const found =
    (await readRegularFile(join(lifecycleStateDir, FILE))) ??
    (await readRegularFile(join(lifecycleStateDir, FORMER_FILE)))
  if (found === undefined) return undefined
  const value = parseJson(found.text)
  // A file that cannot be parsed counts as absent: the deaths so far are not notified again.
  return value === undefined ? undefined : new Set(list(value).filter((one) => typeof one === 'string'))
}

/** Writes the ids of the notified deaths, the newest 2,000. */
export async function writeNotified(root: string, notified: Iterable<string>): Promise<void> {
  const newest = [...notified].slice(-REMEMBERED)
  await replaceFile(join(rootLayout(root).lifecycleStateDir, FILE), `${JSON.stringify(newest)}\n`)
}

/** The last change of each root: changes of one process follow each other, so that none is lost. */
const lastChange = new Map<string, Promise<unknown>>()

/** Adds the ids of what was notified. This process is the only one that notifies: it holds the lock of the daemon. */
export async function addNotified(root: string, ids: Iterable<string>): Promise<void> {
  const before = lastChange.get(root) ?? Promise.resolve()
  const change = before.then(async () => {
    const known = (await readNotified(root)) ?? new Set<string>()
    const added = [...ids].filter((id) => !known.has(id))
    if (added.length > 0) await writeNotified(root, [...known, ...added])
  })
  // The caller gets the failure; the next change starts anyway.
  lastChange.set(
    root,
    change.catch(() => undefined),
  )
  await change
}
