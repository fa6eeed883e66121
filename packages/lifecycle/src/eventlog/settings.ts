import { IapeerError } from '@iapeer/core/errors'
import { LOG_KEEP, LOG_MAX_BYTES, type LogLimits } from '@iapeer/core/storage'

/** Readers look for rotated files up to this number. */
const MOST_KEPT = 999
const MOST_BYTES = 1024 ** 4

function settingOf(env: NodeJS.ProcessEnv, name: string, range: { otherwise: number; most: number }): number {
  const text = env[name] ?? ''
  if (text === '') return range.otherwise
  const value = /^\d{1,15}$/.test(text) ? Number(text) : 0
  if (value >= 1 && value <= range.most) return value
  throw new IapeerError(`${name} is ${JSON.stringify(text)}`, {
    code: 'bad-setting',
    hint: `Give it a whole number from 1 to ${range.most}, or leave it unset (${range.otherwise}).`,
  })
}

/**
 * How much of lifecycle.log is kept: `IAPEER_LIFECYCLE_LOG_MAX_BYTES` and `IAPEER_LIFECYCLE_LOG_KEEP`.
 * @throws IapeerError `bad-setting`
 */
export function eventLogLimits(env: NodeJS.ProcessEnv = process.env): Required<LogLimits> {
  return {
    maxBytes: settingOf(env, 'IAPEER_LIFECYCLE_LOG_MAX_BYTES', {
      otherwise: LOG_MAX_BYTES,
      most: MOST_BYTES,
    }),
    keep: settingOf(env, 'IAPEER_LIFECYCLE_LOG_KEEP', { otherwise: LOG_KEEP, most: MOST_KEPT }),
  }
}
