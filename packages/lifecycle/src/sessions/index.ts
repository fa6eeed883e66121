export { bytesText, rangeText } from './bytes-text.ts'
export { type Containment, containmentOf } from './containment.ts'
export { noteDeathConversation, readDeathConversation } from './death-conversation.ts'
export { isDetached, noteDetached, sweepDetached } from './detached-servers.ts'
export { forgetIdentity } from './forget.ts'
export {
  identityLockPath,
  LONGEST_LAUNCH_MS,
  lockIdentity,
  whileUnclaimed,
  withIdentity,
} from './identity-lock.ts'
export { listTallies } from './list-tallies.ts'
export { clearMark, hasMark, type Mark, markedAt, marksAmong, setMark } from './marks.ts'
export { moveIdentity } from './move.ts'
export {
  type CurrentConversation,
  type PinnedConversation,
  withCurrent,
} from './pinned-conversation.ts'
export {
  formatLaunchEntry,
  HOLD_FILE,
  type LaunchAsker,
  type LaunchEntry,
  pendingLaunches,
  type QueueReason,
  queuedText,
  readLaunchEntries,
} from './queued-launch.ts'
export {
  endOfClaim,
  filesOfGen,
  isBeforeBoot,
  isClaimed,
  type RecordedSession,
  readClaim,
  recordedAs,
} from './read-claim.ts'
export { rebuildSession, rebuildSessions } from './rebuild-session.ts'
export { identityNow, lastRenameOf, noteRename, type Rename, readRenames } from './rename-log.ts'
export { keepReserve, withReserve } from './reserve.ts'
export {
  type BlockedLaunch,
  conversationOfSession,
  endingGenOf,
  isFailedResume,
  listSessions,
  NO_GENERATION,
  type PeerSession,
  phaseOf,
  readSession,
  removeSession,
  writeSession,
} from './session-file.ts'
export { hashOfBearer, newBearer, type SessionMail } from './session-mail.ts'
export { findSessionMail, noteSessionMail, sessionsDirectory } from './sessions-directory.ts'
export { ignoreUnreadable, ownerOf } from './state-files.ts'
export {
  isIdleState,
  isRunningState,
  type PeerState,
  type PeerStatus,
  STATE_AFTER,
  statusesOf,
  statusOf,
} from './status.ts'
export {
  changeTally,
  countedCrashes,
  type LastEnd,
  RESUMES_MAX,
  type RecordedEnvironment,
  readTally,
  type SessionEnding,
  type Tally,
  withoutFailedResumes,
} from './tally.ts'
export {
  isSameTurn,
  isSparedAsMute,
  MUTE_CAUSES,
  type MuteCause,
  TURN_SOURCES,
  TURN_STATES,
  type Turn,
  type TurnSource,
  type TurnState,
} from './turn.ts'
export { MUTE_TEXTS, turnText } from './turn-text.ts'
export { isFresh, type KeptTurn, type KeptTurns, parseTurn, readTurns, writeTurns } from './turns-file.ts'
export {
  appendUsage,
  formatUsage,
  latestUsage,
  type PeerUsage,
  parseUsage,
  rotateUsage,
  usageKey,
  usageOf,
} from './usage-log.ts'
export { notePeak, usualPeak, usualPeakOf } from './usual-peak.ts'
export { wake, wakeWaiting } from './waiting.ts'
