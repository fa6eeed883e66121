import { join } from 'node:path'
import { list, parseJson } from '@iapeer/core/json'
import { rootLayout } from '@iapeer/core/paths'
import { readRegularFile, replaceFile } from '@iapeer/core/storage'
import type { ExitRecord } from '@iapeer/forensics'

const REMEMBERED = 2_000

const FILE = 'notified.json'
/** The name of that file in earlier versions. A daemon of such a version may write it again after a downgrade. */
const FORMER_FILE = 'told.json'

/** Returns the ids in one of the two files; undefined if it is absent or cannot be parsed. */
async function readIds(root: string, file: string): Promise<string[] | undefined> {
  const found = await readRegularFile(join(rootLayout(root).lifecycleStateDir, file))
  const value = found === undefined ? undefined : parseJson(found.text)
  return value === undefined ? undefined : list(value).filter((one) => typeof one === 'string')
}

/** By root, the ids that this process could not write yet: on a full disk nothing is notified twice. */
const unwritten = new Map<string, Set<string>>()

/**
 * Reads the ids of the deaths that were notified: `state/lifecycle/notified.json`, and those that an earlier version notified.
 * Undefined where no file can be read: the deaths so far are then not notified again.
 */
export async function readNotified(root: string): Promise<ReadonlySet<string> | undefined> {
  const [former, present] = [await readIds(root, FORMER_FILE), await readIds(root, FILE)]
  if (former === undefined && present === undefined) return undefined
  return new Set([...(former ?? []), ...(present ?? []), ...(unwritten.get(root) ?? [])])
}

/**
 * Returns the deaths that were not notified yet. Of so many notified deaths that only the newest ids are remembered, those that were
 * recorded before the first remembered one were notified too. Pure.
 * @param recent the deaths that may be notified, in the order of recording
 */
export function notNotified(
  recent: readonly ExitRecord[],
  notified: ReadonlySet<string>,
): ReadonlySet<ExitRecord> {
  const remembered = recent.flatMap(({ id }, at) => (notified.has(id) ? [at] : []))
  // An id is forgotten once there are 2,000 later ones; most of those are of recent deaths if the forgotten one is.
  const isForgetful = notified.size >= REMEMBERED && remembered.length >= REMEMBERED / 2
  return new Set(recent.slice(isForgetful ? remembered[0] : 0).filter(({ id }) => !notified.has(id)))
}

/** Writes the ids of the notified deaths, the newest 2,000. */
export async function writeNotified(root: string, notified: Iterable<string>): Promise<void> {
  const newest = [...notified].slice(-REMEMBERED)
  await replaceFile(join(rootLayout(root).lifecycleStateDir, FILE), `${JSON.stringify(newest)}\n`)
}

/** The last change of each root: changes of one process follow each other, so that none is lost. */
const lastChange = new Map<string, Promise<unknown>>()

/**
 * Adds the ids of what was notified. This process is the only one that notifies: it holds the lock of the daemon.
 * @throws the Node.js system error; this process remembers the ids nevertheless, and writes them with the next ones
 */
export async function addNotified(root: string, ids: Iterable<string>): Promise<void> {
  const kept = unwritten.get(root) ?? new Set<string>()
  unwritten.set(root, kept)
  for (const id of ids) kept.add(id)
  const before = lastChange.get(root) ?? Promise.resolve()
  const change = before.then(async () => {
    const added = [...kept]
    const known = [await readIds(root, FORMER_FILE), await readIds(root, FILE)].flatMap((one) => one ?? [])
    const all = new Set([...known, ...added])
    if (all.size > new Set(known).size) await writeNotified(root, all)
    for (const id of added) kept.delete(id)
  })
  // The caller gets the failure; the next change starts anyway.
  lastChange.set(
    root,
    change.catch(() => undefined),
  )
  await change
}
