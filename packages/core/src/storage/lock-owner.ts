import { hostname } from 'node:os'
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
  readonly host: string
}

let self: Promise<LockOwner> | undefined

async function identifySelf(): Promise<LockOwner> {
  const [id, boot] = await Promise.all([identifyProcess(process.pid), readBoot()])
  return { pid: process.pid, token: id?.token ?? '-', boot, host: hostname() }
}

/** This process as an owner; looked up once. */
export function thisOwner(): Promise<LockOwner> {
  self ??= identifySelf()
  return self
}

/** `pid=812,token=99121,boot=...,host=...,id=<nonce>`; values are percent-encoded. */
export function formatOwner(owner: LockOwner, nonce: string): string {
  const { pid, token, boot, host } = owner
  const fields = { pid: String(pid), token, boot, host, id: nonce }
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
  const match = /^pid=([1-9]\d{0,9}),token=([^,]+),boot=([^,]+),host=([^,]*),id=[0-9a-f]+$/.exec(text)
  if (match === null) return undefined
  const [token, boot, host] = match.slice(2).map(decoded)
  if (token === undefined || boot === undefined || host === undefined) return undefined
  return { pid: Number(match[1]), token, boot, host }
}

/** A kernel boot id that could not be read (`-/...`, or a part `-`) names no boot. */
const namesBoot = (boot: string): boolean => !boot.split('/').includes('-')

/**
 * Whether an owner still lives. The same boot: its process tells. Another boot of this host: gone. Another host: unknown.
 */
export async function observeOwner(owner: LockOwner): Promise<Liveness> {
  const me = await thisOwner()
  if (owner.pid === me.pid && owner.token === me.token && owner.boot === me.boot) return 'alive'
  if (owner.boot === me.boot) return owner.token === '-' ? 'unknown' : observeProcess(owner)
  if (!namesBoot(owner.boot) || !namesBoot(me.boot)) return 'unknown'
  return owner.host === me.host ? 'gone' : 'unknown'
}

export function describeOwner(owner: LockOwner): string {
  const mine = owner.pid === process.pid ? ' (this process)' : ''
  return `process ${owner.pid}${mine} on ${owner.host === '' ? 'an unnamed host' : owner.host}`
}
