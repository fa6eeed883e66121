import { readNumber, SETTINGS } from '@iapeer/core/settings'

/** What can be set by the environment of the daemon; all times in seconds. */
export interface SuperviseSettings {
  /** `IAPEER_TICK_SECS`. @default 60 */
  readonly tickSecs: number
  /** `IAPEER_CRASHLOOP_MAX`: so many deaths ... @default 3 */
  readonly crashloopMax: number
  /** `IAPEER_CRASHLOOP_WINDOW_SECS`: ... within so long are a crash loop. @default 300 */
  readonly crashloopWindowSecs: number
  /** `IAPEER_IDLE_SECS`: idle for so long, a peer is parked; 0 never. @default 0 */
  readonly idleSecs: number
  /** `IAPEER_EPHEMERAL_QUIET_SECS`: an ephemeral worker that has worked and is silent for so long is done. @default 60 */
  readonly ephemeralQuietSecs: number
  /** `IAPEER_EPHEMERAL_UNARMED_IDLE_SECS`: one that never got to work is given up after so long. @default 600 */
  readonly ephemeralUnarmedSecs: number
}

/** @throws IapeerError `bad-setting`, which names the variable */
export function superviseSettings(env: NodeJS.ProcessEnv): SuperviseSettings {
  return {
    tickSecs: readNumber(env, SETTINGS.tickSecs),
    crashloopMax: readNumber(env, SETTINGS.crashloopMax),
    crashloopWindowSecs: readNumber(env, SETTINGS.crashloopWindowSecs),
    idleSecs: readNumber(env, SETTINGS.idleSecs),
    ephemeralQuietSecs: readNumber(env, SETTINGS.ephemeralQuietSecs),
    ephemeralUnarmedSecs: readNumber(env, SETTINGS.ephemeralUnarmedSecs),
  }
}
