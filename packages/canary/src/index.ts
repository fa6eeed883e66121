export { IapeerError, type IapeerErrorDetails } from '@iapeer/core/errors'
export type { OpenProgram, ProcessId } from '@iapeer/core/process'
export type { CanaryErrorCode, EnsureFailureCode } from './codes.ts'
export { scopeProblem } from './guard/scope-problem.ts'
export {
  type GuardedServer,
  type GuardedServerOptions,
  startGuardedServer,
} from './guard/start-guarded-server.ts'
export { witnessAliasCommands } from './guard/witness-aliases.ts'
export {
  completeIntent,
  type DeclareOptions,
  type DeclareResult,
  declareIntent,
  type IntentResult,
  type IntentTarget,
  withdrawIntent,
} from './intent/intent.ts'
export { isRefused, openServerProgram } from './process/server-program.ts'
export { type Claim, readClaim } from './records/claim-file.ts'
export {
  type Death,
  type OnDeathOptions,
  onDeath,
  type ReadDeathsOptions,
  readDeaths,
} from './records/deaths.ts'
export { nameGeneration, readGenerationName } from './records/generation-name.ts'
export { type CanaryOptions, canaryChannel, type RecordOptions } from './records/options.ts'
export { type ReconcileFinding, reconcile } from './records/reconcile.ts'
export { generationPaths, type RecordPaths, recordPaths } from './records/record-paths.ts'
export { type RestoreOptions, restoreState } from './records/restore-state.ts'
export { noteSeen, readSeen } from './records/seen.ts'
export { syncGeneration } from './records/sync-generation.ts'
export { preloadCanary } from './scripts/preload.ts'
export { restoreScripts } from './scripts/restore.ts'
export { defaultSocketPath, identityForSocket } from './watch/default-socket.ts'
export { type DismissOptions, type DismissResult, dismissCanary } from './watch/dismiss.ts'
export { ensureCanary } from './watch/ensure-canary.ts'
export type { EnsureOptions, EnsureResult } from './watch/ensured.ts'
export { type CanaryInfo, type CanaryStatus, canaryStatus, listCanaries } from './watch/status.ts'
