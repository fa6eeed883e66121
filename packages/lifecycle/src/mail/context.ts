import { statfs } from 'node:fs/promises'
import { uptime } from 'node:os'
import { errnoOf } from '@iapeer/core/errors'
import type { Identity } from '@iapeer/core/identity'
import type { WayName } from '@iapeer/core/mailbox'
import type { PeerSession } from '../sessions/index.ts'
import type { Ledger } from './ledger.ts'
import type { Pace } from './pace.ts'
import type { MailSettings } from './settings.ts'
import type { Starts } from './starts.ts'
import type { MailAdapter } from './way.ts'

/** What the delivery of every mailbox shares. */
export interface DeliveryContext {
  readonly root: string
  readonly ledger: Ledger
  readonly settings: () => MailSettings
  readonly pace: Pace
  readonly starts: Starts
  /** Ways that a session refused, with the running time until which they are not tried. */
  readonly offWays: Map<string, number>
  /** The identity that took the last message of a sender, by recipient and sender. */
  readonly partners: Map<string, Identity>
  readonly sessions: () => Promise<readonly PeerSession[]>
  /** How messages reach the sessions of an identity. */
  readonly adapterOf: (identity: Identity) => MailAdapter
  /** Whether this process still owns the root: looked at again before each attempt. */
  readonly isOwner: () => Promise<boolean>
  /** Whether messages may start peers: not after a mass death, until a person allows it. */
  readonly mayStart: () => Promise<boolean>
  /** Called for a problem with one mailbox; the others go on. */
  readonly onError: (what: string, error: unknown) => void
}

/** The running time of this host, in milliseconds. It counts the time in which the host is suspended, and never goes back. */
export const runningMs = (): number => Math.round(uptime() * 1_000)

const OFF_MS = 10 * 60_000
/** After an attempt that could not be made, without a sign that the way does not work. */
export const RETRY_MS = 5_000
const offKey = ({ gen, leader }: PeerSession, way: WayName): string => `${gen ?? ''} ${leader.pid} ${way}`

/** Notes that a way cannot be used with a session, by default for ten minutes. */
export function noteOff(
  { offWays }: DeliveryContext,
  session: PeerSession,
  { way, forMs = OFF_MS }: { readonly way: WayName; readonly forMs?: number },
): void {
  offWays.set(offKey(session, way), runningMs() + forMs)
}

export const isOff = ({ offWays }: DeliveryContext, session: PeerSession, way: WayName): boolean =>
  (offWays.get(offKey(session, way)) ?? 0) > runningMs()

const MIN_FREE_BYTES = 32 * 1024 * 1024
const MIN_FREE_PART = 0.01

/** Whether a file system has the room that an attempt needs: 32 MiB and 1 %. A file system that does not say counts as having it. */
export async function hasRoom(path: string): Promise<boolean> {
  try {
    const { bavail, blocks, bsize } = await statfs(path)
    return bavail * bsize >= MIN_FREE_BYTES && (blocks === 0 || bavail / blocks >= MIN_FREE_PART)
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return true
  }
}
