export { MUTE_TEXTS, turnText } from '../sessions/index.ts'
export { fleetStatus, type LastDeath, type PeerStatusView, peerStatus } from './fleet-status.ts'
export { recordingProblem } from './recording-problem.ts'
export { settleFleet } from './settle-fleet.ts'
export {
  compareShown,
  exitText,
  SHOWN_STATES,
  type ShownState,
  type ShownWord,
  shownState,
  shownText,
} from './shown-state.ts'
