import { setTimeout as sleep } from 'node:timers/promises'
import { IapeerError } from '../errors/index.ts'
import { describeOwner, type ObserveOwner, observeOwner, parseOwner } from './lock-owner.ts'
import { type Lock, observeHolder, ownerText, tryLock } from './try-lock.ts'

/** Options of {@link acquireLock}. */
export interface LockOptions {
  /** How long to wait for the holder, in milliseconds, without the time in which the machine is suspended. @default 10_000 */
  readonly limitMs?: number
  /** Aborts the wait. */
  readonly signal?: AbortSignal | undefined
  /** How the owner is observed. @default as a process of this host */
  readonly observe?: ObserveOwner
}

const LIMIT_MS = 10_000
const MAX_PAUSE_MS = 25

/** Returns the lock that blocks the caller: if its owner is gone, that can be the lock `.take` of a process taking it over. */
async function blockerOf(path: string): Promise<string> {
  const holder = await observeHolder(path, observeOwner)
  const takeover = `${path}.take`
  return holder?.liveness === 'gone' && ownerText(takeover) !== undefined ? blockerOf(takeover) : path
}

async function heldError(path: string, limitMs: number): Promise<IapeerError> {
  const blocker = await blockerOf(path)
  const owner = parseOwner(ownerText(blocker) ?? '')
  const holder = owner === undefined ? 'an unknown process' : describeOwner(owner)
  return new IapeerError(`${blocker} is held by ${holder}; waited ${limitMs} ms`, {
    code: 'lock-held',
    hint: 'Try again later. If the holder no longer exists (on another host, in another container), remove that file.',
  })
}

/**
 * Takes an exclusive lock: a symbolic link whose text names its owner (pid, start time, boot, pid namespace, host), so
 * that it is created atomically together with its owner. The lock of a dead owner is taken over; a running owner is
 * waited for, up to the limit. It has no heartbeat, so a suspended machine does not lose its locks. The lock is
 * released at the latest when this process exits. It is not re-entrant.
 * @throws IapeerError `lock-held`, which names the holder; the Node.js system error if the link cannot be created
 */
export async function acquireLock(path: string, options: LockOptions = {}): Promise<Lock> {
  const { limitMs = LIMIT_MS, signal, observe = observeOwner } = options
  const until = performance.now() + limitMs
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
    signal?.throwIfAborted()
    const lock = await tryLock(path, observe)
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
