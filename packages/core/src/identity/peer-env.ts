import { formatIdentity, type IdentityParts } from './identity.ts'

/** The environment variables from which every process of a session learns its peer. */
export interface PeerEnv {
  readonly PEER_IDENTITY: string
  readonly PEER_PERSONALITY: string
  readonly PEER_RUNTIME: string
  /** The peer's home; its working directory may be another one. */
  readonly PEER_HOME: string
}

/** Returns the environment variables for the session of a peer. */
export function peerEnv(parts: IdentityParts, home: string): PeerEnv {
  return {
    PEER_IDENTITY: formatIdentity(parts),
    PEER_PERSONALITY: parts.personality,
    PEER_RUNTIME: parts.runtime,
    PEER_HOME: home,
  }
}
