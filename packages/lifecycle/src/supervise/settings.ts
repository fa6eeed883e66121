import { IapeerError } from '@iapeer/core/errors'

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

function seconds(
  env: NodeJS.ProcessEnv,
  name: string,
  range: readonly [min: number, otherwise: number],
): number {
  const [min, otherwise] = range
  const text = env[name]
  if (text === undefined || text === '') return otherwise
  const value = /^\d{1,9}(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (value >= min) return value
  throw new IapeerError(`${name} is ${JSON.stringify(text)}, which it cannot be`, {
    code: 'bad-setting',
    hint: `Unset it (then it is ${otherwise}), or give a number, at least ${min}.`,
  })
}

/** @throws IapeerError `bad-setting`, which names the variable */
export function superviseSettings(env: NodeJS.ProcessEnv): SuperviseSettings {
  return {
    tickSecs: seconds(env, 'IAPEER_TICK_SECS', [0.1, 60]),
    crashloopMax: seconds(env, 'IAPEER_CRASHLOOP_MAX', [1, 3]),
    crashloopWindowSecs: seconds(env, 'IAPEER_CRASHLOOP_WINDOW_SECS', [1, 300]),
    idleSecs: seconds(env, 'IAPEER_IDLE_SECS', [0, 0]),
    ephemeralQuietSecs: seconds(env, 'IAPEER_EPHEMERAL_QUIET_SECS', [0.1, 60]),
    ephemeralUnarmedSecs: seconds(env, 'IAPEER_EPHEMERAL_UNARMED_IDLE_SECS', [0.1, 600]),
  }
}
