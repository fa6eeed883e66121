import { join } from 'node:path'
import { list, parseJson } from '@iapeer/core/json'
import { rootLayout } from '@iapeer/core/paths'
import { readRegularFile, replaceFile } from '@iapeer/core/storage'
import type { ExitRecord } from '@iapeer/forensics'

/** So many ids are remembered beside those of deaths that can still be notified. */
const REMEMBERED = 2_000

/**
 * The first of the ids: none of a death that can still be notified was forgotten. Earlier versions remember only the newest 2,000 ids, and
 * forget this one first.
 */
const COMPLETE = 'every-recent-death'

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
 * Returns the ids that an earlier version has notified and forgotten: those of the deaths recorded before the one that it remembered
 * first. Pure.
 * @param recent the deaths that can still be notified, in the order of recording
 */
function forgottenIds(recent: readonly ExitRecord[], notified: ReadonlySet<string>): string[] {
  if (notified.size < REMEMBERED) return []
  const places = new Map(recent.map(({ id }, at) => [id, at]))
  const [first = 0, ...others] = [...notified].flatMap((id) => places.get(id) ?? [])
  // An id was forgotten once there were 2,000 later ones; most of those are of recent deaths if the forgotten one is.
  if (others.length + 1 < REMEMBERED / 2) return []
  return recent.slice(0, first).flatMap(({ id }) => (notified.has(id) ? [] : [id]))
}

/** Returns the deaths that can still be notified, in the order of recording. */
export type Recent = () => readonly ExitRecord[]

/** Returns all ids of what was notified, given those of a file: also those that an earlier version has forgotten. */
export const allNotified = (notified: ReadonlySet<string>, recent: Recent): ReadonlySet<string> =>
  notified.has(COMPLETE) ? notified : new Set([COMPLETE, ...forgottenIds(recent(), notified), ...notified])

/** Writes the ids of what was notified: those of deaths that can still be notified, and the newest 2,000 others. */
async function writeNotified(root: string, notified: ReadonlySet<string>, recent: Recent): Promise<void> {
  const kept = notified.size > REMEMBERED ? new Set([COMPLETE, ...recent().map(({ id }) => id)]) : notified
  const others = [...notified].filter((id) => !kept.has(id))
  const forgotten = new Set(others.slice(0, Math.max(0, others.length - REMEMBERED)))
  const ids = [...notified].filter((id) => !forgotten.has(id))
  await replaceFile(join(rootLayout(root).lifecycleStateDir, FILE), `${JSON.stringify(ids)}\n`)
}

/** The last change of each root: changes of one process follow each other, so that none is lost. */
const lastChange = new Map<string, Promise<unknown>>()

/** Runs a change after the earlier ones. The caller gets its failure; the next change starts anyway. */
async function inTurn(root: string, act: () => Promise<void>): Promise<void> {
  const change = (lastChange.get(root) ?? Promise.resolve()).then(act)
  lastChange.set(
    root,
    change.catch(() => undefined),
  )
  await change
}

/** Reads the ids as {@link readNotified} does, without those that are not written yet. */
async function writtenIds(root: string): Promise<ReadonlySet<string>> {
  const known = [await readIds(root, FORMER_FILE), await readIds(root, FILE)]
  return new Set(known.flatMap((ids) => ids ?? []))
}

/**
 * Begins to note what was notified: in a root where nothing was, all deaths so far count as notified, and a file of an earlier version is
 * completed.
 * @throws the Node.js system error
 */
export async function completeNotified(root: string, recent: Recent): Promise<void> {
  await inTurn(root, async () => {
    const isFirst = (await readNotified(root)) === undefined
    const known = isFirst ? new Set(recent().map(({ id }) => id)) : await writtenIds(root)
    const all = allNotified(known, recent)
    if (all !== known) await writeNotified(root, all, recent)
  })
}

/**
 * Adds the ids of what was notified. This process is the only one that notifies: it holds the lock of the daemon.
 * @throws the Node.js system error; this process remembers the ids nevertheless, and writes them with the next ones
 */
export async function addNotified(root: string, ids: Iterable<string>, recent: Recent): Promise<void> {
  const kept = unwritten.get(root) ?? new Set<string>()
  unwritten.set(root, kept)
  for (const id of ids) kept.add(id)
  await inTurn(root, async () => {
    const added = [...kept]
    const known = await writtenIds(root)
    const all = new Set([...known, ...added])
    if (all.size > known.size) await writeNotified(root, all, recent)
    for (const id of added) kept.delete(id)
  })
}
