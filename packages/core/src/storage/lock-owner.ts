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

/** Who holds a lock: one process of one life of one host. */
export interface LockOwner extends ProcessId {
  /** As `readBoot` gives it. */
  readonly boot: string
  /** The namespace of its pid (`pid:[4026531836]`, pid_namespaces(7)); `-` where there are none. */
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

/** This process as an owner; looked up once. */
export function thisOwner(): Promise<LockOwner> {
  self ??= identifySelf()
  return self
}

/** `pid=812,token=99121,boot=...,ns=...,host=...,id=<nonce>`; values are percent-encoded. */
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

/** Total: undefined for anything that {@link formatOwner} has not written. */
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

/** The kernel's part of a boot: it is the same in every container. `-` when it could not be read. */
const kernelOf = (boot: string): string => boot.split('/')[0] ?? '-'

/**
 * Whether an owner still lives. The same boot and pid namespace: its process tells. Another boot of this host: gone.
 * A pid of another namespace, or another host, cannot be looked at: unknown.
 */
export async function observeOwner(owner: LockOwner): Promise<Liveness> {
  const me = await thisOwner()
  const [theirs, ours] = [kernelOf(owner.boot), kernelOf(me.boot)]
  if (theirs === '-' || ours === '-') return 'unknown'
  if (owner.namespace !== me.namespace) return theirs !== ours && owner.host === me.host ? 'gone' : 'unknown'
  if (owner.boot !== me.boot) return owner.host === me.host ? 'gone' : 'unknown'
  return owner.token === '-' ? 'unknown' : observeProcess(owner)
}

export function describeOwner(owner: LockOwner): string {
  const mine = owner.pid === process.pid ? ' (this process)' : ''
  return `process ${owner.pid}${mine} on ${owner.host === '' ? 'an unnamed host' : owner.host}`
}
