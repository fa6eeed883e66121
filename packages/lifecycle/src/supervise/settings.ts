import { isIapeerError } from '@iapeer/core/errors'
import { readNumber, SETTINGS } from '@iapeer/core/settings'

/** The settings that the supervisor reads from its environment. All times are in seconds. */
export interface SuperviseSettings {
  /** `IAPEER_TICK_SECS`: the interval of ticks. @default 60 */
  readonly tickSecs: number
  /** `IAPEER_CRASHLOOP_MAX`: the number of crashes within the window that make a crash loop. @default 3 */
  readonly crashloopMax: number
  /** `IAPEER_CRASHLOOP_WINDOW_SECS`: the window in which those crashes are counted. @default 300 */
  readonly crashloopWindowSecs: number
  /** `IAPEER_IDLE_SECS`: the idle time after which a peer is suspended; 0: never. @default 0 */
  readonly idleSecs: number
  /** `IAPEER_EPHEMERAL_QUIET_SECS`: the idle time after which an ephemeral worker that has worked is done. @default 60 */
  readonly ephemeralQuietSecs: number
  /**
   * `IAPEER_EPHEMERAL_UNARMED_IDLE_SECS`: the time after which an ephemeral worker that never started to work is stopped.
   * @default 600
   */
  readonly ephemeralUnarmedSecs: number
  /** `IAPEER_BLOCKED_NOTIFY_SECS`: how long an agent waits for a person until that is notified. @default 300 */
  readonly blockedNotifySecs: number
  /** `IAPEER_LAUNCH_WAIT_SECS`: the time for which a restart stays queued before the next attempt is planned. @default 600 */
  readonly launchWaitSecs: number
}

/** Reads the settings. @throws IapeerError `bad-setting`, which names the variable */
export function superviseSettings(env: NodeJS.ProcessEnv): SuperviseSettings {
  return {
    tickSecs: readNumber(env, SETTINGS.tickSecs),
    crashloopMax: readNumber(env, SETTINGS.crashloopMax),
    crashloopWindowSecs: readNumber(env, SETTINGS.crashloopWindowSecs),
    idleSecs: readNumber(env, SETTINGS.idleSecs),
    ephemeralQuietSecs: readNumber(env, SETTINGS.ephemeralQuietSecs),
    ephemeralUnarmedSecs: readNumber(env, SETTINGS.ephemeralUnarmedSecs),
    blockedNotifySecs: readNumber(env, SETTINGS.blockedNotifySecs),
    launchWaitSecs: readNumber(env, SETTINGS.launchWaitSecs),
  }
}

/** Reads the settings for a command; defaults where one is invalid, because only the daemon refuses to start then. */
export function usableSettings(env: NodeJS.ProcessEnv): SuperviseSettings {
  try {
    return superviseSettings(env)
  } catch (error) {
    if (!isIapeerError(error) || error.code !== 'bad-setting') throw error
    return superviseSettings({})
  }
}
