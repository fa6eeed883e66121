export type { Divergence } from './divergence.ts'
export type { PeerEntry } from './entry.ts'
export {
  createPeer,
  findPeer,
  listPeers,
  type NewPeer,
  type Removed,
  removePeer,
  renamePeer,
  requirePeer,
  updatePeer,
  upsertPeer,
} from './peers.ts'
export { type Repair, repairRegistry, verifyRegistry } from './verify.ts'
