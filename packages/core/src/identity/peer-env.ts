import { formatIdentity, type IdentityParts } from './identity.ts'

/** The variables by which a launched session, and every process in it, knows whose it is. */
export interface PeerEnv {
  readonly PEER_IDENTITY: string
  readonly PEER_PERSONALITY: string
  readonly PEER_RUNTIME: string
  /** The peer's home; its cwd may be another directory. */
  readonly PEER_HOME: string
}

export function peerEnv(parts: IdentityParts, home: string): PeerEnv {
  return {
    PEER_IDENTITY: formatIdentity(parts),
    PEER_PERSONALITY: parts.personality,
    PEER_RUNTIME: parts.runtime,
    PEER_HOME: home,
  }
}
