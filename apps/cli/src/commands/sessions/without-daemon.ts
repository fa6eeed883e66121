/**
 * What a command does in its own process. The commands that the daemon can serve load this file only if no daemon has answered, or
 * for work that no daemon does: most of them never need this code.
 */
export {
  activeIdentities,
  peerNamed,
  preloadFleet,
  refreshNamed,
  releaseStartsOf,
  renewNamed,
  resetNamed,
  startNamed,
  stopNamed,
  stopStrays,
} from '@iapeer/lifecycle/fleet'
export { launchAndStartDaemon } from '../daemon/bring-up-daemon.ts'
