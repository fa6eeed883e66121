import { randomBytes } from 'node:crypto'
import { lstatSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { errnoOf } from '../errors/index.ts'
import { formatOwner, type ObserveOwner, observeOwner, parseOwner, thisOwner } from './lock-owner.ts'

/** A lock that this process holds. */
export interface Lock {
  /** Releases the lock; a second call does nothing. */
  release(): void
}

/** The limit of nested locks `.take`: each level means that a process died during a takeover. */
const MAX_DEPTH = 6

const held = new Map<string, string>()
let releasesOnExit = false

// Every change of a lock is synchronous, so that no change is pending when this process exits.

/** Reads the text of a lock; undefined if it is free, empty if the path is not a symbolic link. */
export function ownerText(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    if (errnoOf(error) === 'EINVAL') return ''
    throw error
  }
}

/** Returns whether this process holds a lock: a person may have removed it, and another process may have taken it since. */
export function holdsLock(path: string): boolean {
  const target = held.get(path)
  return target !== undefined && ownerText(path) === target
}

/**
 * Reads who holds a lock, and whether that process is gone.
 * @returns undefined if the lock is free or changes hands, or is a file of another kind
 */
export async function observeHolder(path: string, observe: ObserveOwner) {
  const text = ownerText(path)
  const takenAt = lstatSync(path, { throwIfNoEntry: false })?.mtime
  // The time is that of this owner only if no other process has taken the lock between the two reads.
  if (takenAt === undefined || text === undefined || ownerText(path) !== text) return undefined
  const owner = parseOwner(text)
  if (owner === undefined) return undefined
  return { owner, text, takenAt, liveness: await observe(owner, takenAt) }
}

function linkIfFree(target: string, path: string): boolean {
  try {
    symlinkSync(target, path)
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
    throw error
  }
}

/** Removes a lock only if it is still ours: a person may have removed it, and another process may have taken it since. */
function releaseNow(path: string, target: string): void {
  if (ownerText(path) === target) rmSync(path, { force: true })
}

function releaseAllNow(): void {
  for (const [path, target] of held) {
    try {
      releaseNow(path, target)
    } catch {
      // This process is exiting: the next process that wants the lock sees that its owner is gone.
    }
  }
}

function keep(path: string, target: string): Lock {
  if (!releasesOnExit) process.once('exit', releaseAllNow)
  releasesOnExit = true
  held.set(path, target)
  return {
    release() {
      if (held.get(path) !== target) return
      held.delete(path)
      releaseNow(path, target)
    },
  }
}

/**
 * Replaces the lock of a dead owner. Only the holder of `<path>.take` may do that, after it has checked again that the
 * dead owner has the lock. The lock is replaced by a rename, so it is never free in between.
 */
async function takeOver(path: string, target: string, dead: string, depth: number): Promise<boolean> {
  const takeover = await tryAt(`${path}.take`, observeOwner, depth + 1)
  if (takeover === undefined) return false
  try {
    if (ownerText(path) !== dead) return false
    const next = `${path}.next`
    rmSync(next, { force: true })
    symlinkSync(target, next)
    renameSync(next, path)
    return true
  } finally {
    takeover.release()
  }
}

async function tryAt(path: string, observe: ObserveOwner, depth: number): Promise<Lock | undefined> {
  const target = formatOwner(await thisOwner(), randomBytes(8).toString('hex'))
  if (linkIfFree(target, path)) return keep(path, target)
  const holder = depth === MAX_DEPTH ? undefined : await observeHolder(path, observe)
  if (holder?.liveness !== 'gone') return undefined
  return (await takeOver(path, target, holder.text, depth)) ? keep(path, target) : undefined
}

/**
 * Takes a lock if it is free or its owner is gone; `acquireLock` describes the lock.
 * @param observe how an owner is observed
 * @returns undefined if another process holds it
 * @throws the Node.js system error if the link cannot be created
 */
export function tryLock(path: string, observe: ObserveOwner = observeOwner): Promise<Lock | undefined> {
  return tryAt(path, observe, 0)
}
