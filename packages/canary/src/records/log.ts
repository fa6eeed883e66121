import { errnoOf } from '@iapeer/core/errors'
import { formatLogfmt, type LogfmtInput } from '@iapeer/core/logfmt'
import type { RecordLayout } from '@iapeer/core/paths'
import { settingText } from '@iapeer/core/settings'
import { appendLog, LOG_KEEP, LOG_MAX_BYTES, type LogLimits, rotateLog } from '@iapeer/core/storage'

/**
 * Reads a whole number above 0 from the environment; any other text counts as unset. A recorder must not fail because of a
 * setting, and the settings table, which rejects wrong ones, would be larger than the rest of this package.
 */
function limitOf(variable: string, otherwise: number): number {
  const text = settingText(process.env, variable)
  return /^[1-9]\d{0,11}$/.test(text) ? Number(text) : otherwise
}

const lifecycleLimits = (): LogLimits => ({
  maxBytes: limitOf('IAPEER_LIFECYCLE_LOG_MAX_BYTES', LOG_MAX_BYTES),
  keep: limitOf('IAPEER_LIFECYCLE_LOG_KEEP', LOG_KEEP),
})

/** Runs a write to a log and ignores system errors: the caller's result carries the state anyway. */
async function ignoreUnwritable(write: () => Promise<unknown>): Promise<void> {
  try {
    await write()
  } catch (error) {
    // Any errno (full, read-only, not permitted, a directory): a log that cannot be written must not stop the caller.
    if (errnoOf(error) === undefined) throw error
  }
}

/** Appends one line to lifecycle.log. */
export function logLifecycle(layout: RecordLayout, fields: LogfmtInput): Promise<void> {
  const line = `${formatLogfmt({ ts: new Date().toISOString(), ...fields })}\n`
  return ignoreUnwritable(() => appendLog(layout.lifecycleLog, line, lifecycleLimits()))
}

/** Rotates both logs if they are large: the recorders only append. */
export async function rotateLogs(layout: RecordLayout): Promise<void> {
  await ignoreUnwritable(() => rotateLog(layout.exitsLog))
  await ignoreUnwritable(() => rotateLog(layout.lifecycleLog, lifecycleLimits()))
}
