export { BEARER_PREFIX, maskBearers, unfinishedBearer } from './bearer.ts'
export * from './identity.ts'
export {
  defaultIntelligence,
  type Intelligence,
  isLowerIntelligence,
  readIntelligence,
} from './intelligence.ts'
export { type PeerEnv, peerEnv } from './peer-env.ts'
