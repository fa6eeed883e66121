import type { PeerSession } from '../sessions/index.ts'

/** A session whose conversation is read. */
export interface SessionTarget {
  readonly session: PeerSession
}
