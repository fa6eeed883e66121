import { readNumber, SETTINGS } from '@iapeer/core/settings'
import type { LogLimits } from '@iapeer/core/storage'

/**
 * Reads how much of lifecycle.log is kept: `IAPEER_LIFECYCLE_LOG_MAX_BYTES` and `IAPEER_LIFECYCLE_LOG_KEEP`.
 * @throws IapeerError `bad-setting`
 */
export function eventLogLimits(env: NodeJS.ProcessEnv = process.env): Required<LogLimits> {
  return {
    maxBytes: readNumber(env, SETTINGS.eventLogMaxBytes),
    keep: readNumber(env, SETTINGS.eventLogKeep),
  }
}
