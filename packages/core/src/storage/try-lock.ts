import { randomBytes } from 'node:crypto'
import { readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { errnoOf } from '../errors/index.ts'
import { formatOwner, observeOwner, parseOwner, thisOwner } from './lock-owner.ts'

export interface Lock {
  /** Gives the lock back; once is enough, twice is harmless. */
  release(): void
}

/** A lock of a lock is needed only where a process died while it took over; so many in a row is no accident. */
const DEEPEST = 6

const held = new Map<string, string>()
let releasesOnExit = false

// What changes a lock is done at once, never in the background: a process that exits leaves nothing of it under way.

/** The text of a lock; undefined when it is free, empty when another kind of file has its name. */
export function ownerText(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    if (errnoOf(error) === 'EINVAL') return ''
    throw error
  }
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

/** Somebody may have removed it by hand, and another may hold it since. */
function releaseNow(path: string, target: string): void {
  if (ownerText(path) === target) rmSync(path, { force: true })
}

function releaseAllNow(): void {
  for (const [path, target] of held) {
    try {
      releaseNow(path, target)
    } catch {
      // The process is ending; whoever wants the lock sees that its owner is gone.
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
 * Replaces the lock of a dead owner. Only who holds `<path>.take` may do that, and looks once more when it does; the
 * rename leaves no moment in which the lock is free.
 */
async function takeOver(path: string, target: string, dead: string, depth: number): Promise<boolean> {
  const right = await tryAt(`${path}.take`, depth + 1)
  if (right === undefined) return false
  try {
    if (ownerText(path) !== dead) return false
    const next = `${path}.next`
    rmSync(next, { force: true })
    symlinkSync(target, next)
    renameSync(next, path)
    return true
  } finally {
    right.release()
  }
}

async function tryAt(path: string, depth: number): Promise<Lock | undefined> {
  const target = formatOwner(await thisOwner(), randomBytes(8).toString('hex'))
  if (linkIfFree(target, path)) return keep(path, target)
  const text = ownerText(path) ?? ''
  const owner = parseOwner(text)
  if (owner === undefined || depth === DEEPEST || (await observeOwner(owner)) !== 'gone') return undefined
  return (await takeOver(path, target, text, depth)) ? keep(path, target) : undefined
}

/**
 * Takes the lock if it is free, or its owner gone; see `acquireLock` for what a lock is.
 * @throws the Node system error where no link can be made
 */
export function tryLock(path: string): Promise<Lock | undefined> {
  return tryAt(path, 0)
}
