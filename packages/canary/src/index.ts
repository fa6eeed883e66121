export { type Claim, readClaim } from './claim-file.ts'
export { type DismissOptions, type DismissResult, dismissCanary } from './dismiss.ts'
export { ensureCanary } from './ensure-canary.ts'
export type { EnsureOptions, EnsureResult } from './ensured.ts'
export { nameGeneration, readGenerationName } from './generation-name.ts'
export {
  completeIntent,
  type DeclareOptions,
  type DeclareResult,
  declareIntent,
  type IntentResult,
  type IntentTarget,
  withdrawIntent,
} from './intent.ts'
export { type CanaryOptions, canaryChannel, type RecordOptions } from './place.ts'
export { preloadCanary } from './preload.ts'
export { type ReconcileFinding, reconcile } from './reconcile.ts'
export { generationPaths, type RecordPaths, recordPaths } from './record-paths.ts'
export { noteSeen, readSeen } from './seen.ts'
export { defaultSocketPath, identityForSocket } from './socket.ts'
export { type GuardedServer, type GuardedServerOptions, startGuardedServer } from './start-guarded-server.ts'
export { type CanaryInfo, type CanaryStatus, canaryStatus, listCanaries } from './status.ts'
