export type { Divergence } from './divergence.ts'
export type { PeerEntry } from './entry.ts'
export { findPeer, getPeer, isReservedName, listPeers, registrationTime } from './find.ts'
export { entryWithIdentity, identitiesOf } from './identities.ts'
export {
  createPeer,
  type NewPeer,
  type Removed,
  removePeer,
  renamePeer,
  updatePeer,
  upsertPeer,
} from './peers.ts'
export { type Repair, repairRegistry } from './repair.ts'
export { verifyRegistry } from './verify.ts'
