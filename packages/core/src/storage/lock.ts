import { setTimeout as sleep } from 'node:timers/promises'
import { IapeerError } from '../errors/index.ts'
import { describeOwner, observeOwner, parseOwner } from './lock-owner.ts'
import { type Lock, ownerText, tryLock } from './try-lock.ts'

export interface LockOptions {
  /** How long to wait for another holder, in milliseconds of running time (a suspended machine does not count). @default 10_000 */
  readonly limitMs?: number
  readonly signal?: AbortSignal | undefined
}

const LIMIT_MS = 10_000
const LONGEST_PAUSE_MS = 25

/** The lock that is in the way: of one whose owner is gone, the right to take it over. */
async function blockerOf(path: string): Promise<string> {
  const owner = parseOwner(ownerText(path) ?? '')
  const right = `${path}.take`
  if (owner === undefined || (await observeOwner(owner)) !== 'gone' || ownerText(right) === undefined)
    return path
  return blockerOf(right)
}

async function heldError(path: string, limitMs: number): Promise<IapeerError> {
  const blocker = await blockerOf(path)
  const owner = parseOwner(ownerText(blocker) ?? '')
  const who = owner === undefined ? 'somebody who left no name' : describeOwner(owner)
  return new IapeerError(`${blocker} is held by ${who}; waited ${limitMs} ms`, {
    code: 'lock-held',
    hint: 'Try again when it has ended. If it cannot end (another host or container, a foreign file), remove that file.',
  })
}

/**
 * Takes an exclusive lock: a symbolic link whose text names its owner (pid, start time, boot, host), so it comes into
 * being whole and says who holds it. Of a dead owner it is taken over; a living one is waited for, up to the limit.
 * There is no heartbeat: a suspended machine loses no lock. It is released at the latest when this process exits.
 * Not re-entrant.
 * @throws IapeerError `lock-held`, which names the holder; the Node system error where no link can be made
 */
export async function acquireLock(path: string, options: LockOptions = {}): Promise<Lock> {
  const { limitMs = LIMIT_MS, signal } = options
  const until = performance.now() + limitMs
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    signal?.throwIfAborted()
    const lock = await tryLock(path)
    if (lock !== undefined) return lock
    if (performance.now() >= until) throw await heldError(path, limitMs)
    await sleep(pauseMs * (0.5 + Math.random()), undefined, signal ? { signal } : {})
  }
}

/** Runs `action` while holding the lock at `path`; see {@link acquireLock}. */
export async function withLock<T>(
  path: string,
  action: () => Promise<T>,
  options: LockOptions = {},
): Promise<T> {
  const lock = await acquireLock(path, options)
  try {
    return await action()
  } finally {
    lock.release()
  }
}
