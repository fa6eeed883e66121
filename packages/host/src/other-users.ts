import { readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { mapLimit } from '@iapeer/core/async'
import { errnoOf } from '@iapeer/core/errors'

/**
 * Whether other people use this host. `unknown` counts as others wherever a port of 127.0.0.1 must not be taken by another user.
 */
export type OtherUsers =
  | { readonly kind: 'none' }
  | { readonly kind: 'some'; readonly uids: readonly number[] }
  | { readonly kind: 'unknown'; readonly why: string }

interface Host {
  /** @default /proc */
  readonly proc?: string
  /** @default the user of this process */
  readonly uid?: number
}

/** The users of people begin here (UID_MIN of login.defs(5)); lower ones are those of the system. */
const FIRST_UID = 1_000
/** The overflow user (user_namespaces(7)), and the users that systemd makes for services (`DynamicUser=`, systemd.exec(5)). */
const isOfService = (uid: number): boolean => uid === 65_534 || (uid >= 61_184 && uid <= 65_519)

/** PROC_PID_INIT_INO of Linux (include/linux/proc_ns.h). */
const INITIAL_PIDS = 'pid:[4026531836]'
/** The namespaces that Linux makes at its start have the first numbers; those of containers are higher. */
const LAST_INITIAL = 4_026_532_100

const READ_AT_ONCE = 16
const HIDDEN: ReadonlySet<string | undefined> = new Set(['EACCES', 'EPERM'])
const GONE: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ESRCH'])

/** Returns the real user of a process; undefined if it has exited, `hidden` if this user may not see it. */
async function userOf(proc: string, pid: string): Promise<number | 'hidden' | undefined> {
  try {
    const [, uid] = /^Uid:\s+(\d+)/m.exec(await readFile(join(proc, pid, 'status'), 'latin1')) ?? []
    return uid === undefined ? undefined : Number(uid)
  } catch (error) {
    if (HIDDEN.has(errnoOf(error))) return 'hidden'
    if (GONE.has(errnoOf(error))) return undefined
    throw error
  }
}

/** Whether this process is in a container that shares the network of its host: the users of the host are then not seen. */
async function sharesNetworkOnly(proc: string): Promise<boolean> {
  const link = (name: string): Promise<string> => readlink(join(proc, 'self', 'ns', name))
  if ((await link('pid')) === INITIAL_PIDS) return false
  const [, network] = /\[(\d+)\]/.exec(await link('net')) ?? []
  return network === undefined || Number(network) <= LAST_INITIAL
}

/**
 * Looks whether other people use this host: whether any process is of another user than this one and those of the system. Linux only:
 * elsewhere, and where processes are hidden (`hidepid`, proc(5)), that is unknown. An account without a process is not in use.
 */
export async function otherUsers({
  proc = '/proc',
  uid = process.getuid?.(),
}: Host = {}): Promise<OtherUsers> {
  try {
    const pids = (await readdir(proc)).filter((name) => /^\d+$/.test(name))
    if (!pids.includes('1')) return { kind: 'unknown', why: 'the processes of other users are hidden' }
    if (await sharesNetworkOnly(proc))
      return {
        kind: 'unknown',
        why: 'a container that uses the network of its host does not see the users of it',
      }
    const users = new Set(await mapLimit(pids, READ_AT_ONCE, (pid) => userOf(proc, pid)))
    if (users.has('hidden')) return { kind: 'unknown', why: 'the processes of other users are hidden' }
    const uids = [...users].flatMap((one) =>
      typeof one === 'number' && one >= FIRST_UID && one !== uid && !isOfService(one) ? [one] : [],
    )
    return uids.length === 0 ? { kind: 'none' } : { kind: 'some', uids: uids.sort((one, two) => one - two) }
  } catch (error) {
    const code = errnoOf(error)
    if (code === undefined) throw error
    return { kind: 'unknown', why: `the processes cannot be read: ${code}` }
  }
}
