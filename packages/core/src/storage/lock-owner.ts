import { readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { errnoOf } from '../errors/index.ts'
import { readBoot } from '../process/boot.ts'
import {
  identifyProcess,
  type Liveness,
  observeProcess,
  type ProcessId,
} from '../process/process-identity.ts'

/** The process that holds a lock, with its boot, pid namespace and host. */
export interface LockOwner extends ProcessId {
  /** The result of `readBoot`. */
  readonly boot: string
  /** The namespace of its pid (`pid:[4026531836]`, pid_namespaces(7)); `-` on systems without namespaces. */
  readonly namespace: string
  readonly host: string
}

let self: Promise<LockOwner> | undefined

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return '-'
  }
}

async function identifySelf(): Promise<LockOwner> {
  const [id, boot] = await Promise.all([identifyProcess(process.pid), readBoot()])
  return { pid: process.pid, token: id?.token ?? '-', boot, namespace: pidNamespace(), host: hostname() }
}

/** Returns this process as an owner; it is determined once. */
export function thisOwner(): Promise<LockOwner> {
  self ??= identifySelf()
  return self
}

/** Formats an owner as `pid=812,token=99121,boot=...,ns=...,host=...,id=<nonce>`, with percent-encoded values. */
export function formatOwner(owner: LockOwner, nonce: string): string {
  const { pid, token, boot, namespace: ns, host } = owner
  const fields = { pid: String(pid), token, boot, ns, host, id: nonce }
  return Object.entries(fields)
    .map(([key, value]) => `${key}=${encodeURIComponent(value)}`)
    .join(',')
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (error instanceof URIError) return undefined
    throw error
  }
}

/** Parses an owner; undefined for a text that {@link formatOwner} did not write. */
export function parseOwner(text: string): LockOwner | undefined {
  const match = /^pid=([1-9]\d{0,9}),token=([^,]+),boot=([^,]+),ns=([^,]+),host=([^,]*),id=[0-9a-f]+$/.exec(
    text,
  )
  if (match === null) return undefined
  const [token, boot, namespace, host] = match.slice(2).map(decoded)
  if (token === undefined || boot === undefined || namespace === undefined || host === undefined)
    return undefined
  return { pid: Number(match[1]), token, boot, namespace, host }
}

/** Returns the kernel's part of a boot, which is the same in every container; `-` if it could not be read. */
const kernelOf = (boot: string): string => boot.split('/')[0] ?? '-'

/** Returns whether an owner is in another pid namespace of this kernel: in another container, or in an earlier run of this one. */
export async function isInOtherNamespace({ boot, namespace }: LockOwner): Promise<boolean> {
  const me = await thisOwner()
  const kernel = kernelOf(me.boot)
  return kernel !== '-' && kernelOf(boot) === kernel && namespace !== me.namespace
}

/** Clock ticks in a second, in which /proc counts (`USER_HZ`, proc(5)). */
const TICKS = 100

/** Returns when process 1 of this pid namespace was started, in milliseconds since the epoch; undefined if that is not known. */
function firstStartedMs(me: LockOwner): number | undefined {
  const [own, first] = [Number(me.token), Number(me.boot.split('/')[1])]
  if (!Number.isSafeInteger(own) || !Number.isSafeInteger(first)) return undefined
  return Date.now() - process.uptime() * 1_000 - ((own - first) / TICKS) * 1_000
}

/** No lock but that of the daemon, which has its own rule, is held for so long: a launch takes less than two minutes. */
const LONGEST_HELD_MS = 10 * 60_000

/**
 * Returns whether an owner in another pid namespace was in an earlier run of this container: it took the lock, on a host of this name,
 * before process 1 was started, and has not released it for much longer than a lock is held.
 */
function isOfEarlierRun(owner: LockOwner, me: LockOwner, takenAt: Date): boolean {
  const startedMs = firstStartedMs(me)
  const takenMs = takenAt.getTime()
  const isOld = Date.now() - takenMs > LONGEST_HELD_MS
  return owner.host === me.host && startedMs !== undefined && takenMs < startedMs && isOld
}

/** Returns the liveness of the owner of a lock that was taken at a time. */
export type ObserveOwner = (owner: LockOwner, takenAt: Date) => Promise<Liveness>

/**
 * Returns the liveness of an owner. In the same boot and pid namespace its process is checked. An owner of an earlier
 * boot of this host is gone, and one of an earlier run of this container some minutes after it took the lock. Any other process in another
 * pid namespace or on another host cannot be checked: it is unknown.
 */
export async function observeOwner(owner: LockOwner, takenAt: Date): Promise<Liveness> {
  const me = await thisOwner()
  const [theirs, ours] = [kernelOf(owner.boot), kernelOf(me.boot)]
  if (theirs === '-' || ours === '-') return 'unknown'
  if (await isInOtherNamespace(owner)) return isOfEarlierRun(owner, me, takenAt) ? 'gone' : 'unknown'
  if (owner.namespace !== me.namespace) return owner.host === me.host ? 'gone' : 'unknown'
  if (owner.boot !== me.boot) return owner.host === me.host ? 'gone' : 'unknown'
  return owner.token === '-' ? 'unknown' : observeProcess(owner)
}

/** Describes an owner for an error message. */
export function describeOwner(owner: LockOwner): string {
  const mine = owner.pid === process.pid ? ' (this process)' : ''
  return `process ${owner.pid}${mine} on ${owner.host === '' ? 'an unnamed host' : owner.host}`
}
