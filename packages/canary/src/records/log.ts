import { errnoOf } from '@iapeer/core/errors'
import { formatLogfmt, type LogfmtInput } from '@iapeer/core/logfmt'
import type { RecordLayout } from '@iapeer/core/paths'
import { appendLog, LOG_KEEP, LOG_MAX_BYTES, type LogLimits, rotateLog } from '@iapeer/core/storage'

/**
 * A whole number above 0 from the environment; anything else counts as unset: a recorder must not fail over a setting, and the
 * table of settings, which refuses it, would be most of this package.
 */
function limitOf(variable: string, otherwise: number): number {
  const text = process.env[variable] ?? ''
  return /^[1-9]\d{0,11}$/.test(text) ? Number(text) : otherwise
}

const lifecycleLimits = (): LogLimits => ({
  maxBytes: limitOf('IAPEER_LIFECYCLE_LOG_MAX_BYTES', LOG_MAX_BYTES),
  keep: limitOf('IAPEER_LIFECYCLE_LOG_KEEP', LOG_KEEP),
})

/** A log that cannot be written changes nothing: the caller's result carries the state. */
async function ignoreUnwritable(write: () => Promise<unknown>): Promise<void> {
  try {
    await write()
  } catch (error) {
    // Full, read-only, not ours, a directory in its place: whatever the system says, there is nothing to be done about it.
    if (errnoOf(error) === undefined) throw error
  }
}

/** One line in lifecycle.log. */
export function logLifecycle(layout: RecordLayout, fields: LogfmtInput): Promise<void> {
  const line = `${formatLogfmt({ ts: new Date().toISOString(), ...fields })}\n`
  return ignoreUnwritable(() => appendLog(layout.lifecycleLog, line, lifecycleLimits()))
}

/** The recorders append to both logs and rotate neither; this does, when one has grown. */
export async function rotateLogs(layout: RecordLayout): Promise<void> {
  await ignoreUnwritable(() => rotateLog(layout.exitsLog))
  await ignoreUnwritable(() => rotateLog(layout.lifecycleLog, lifecycleLimits()))
}
