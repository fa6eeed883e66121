import { appendFile } from 'node:fs/promises'
import { errnoOf } from '@iapeer/core/errors'
import { formatLogfmt, type LogfmtInput } from '@iapeer/core/logfmt'
import type { RecordLayout } from '@iapeer/core/paths'

const NOT_WRITABLE = new Set(['ENOENT', 'ENOTDIR', 'ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM', 'EIO'])

/** One line in lifecycle.log. A log that cannot be written changes nothing: the caller's result carries the state. */
export async function logLifecycle(layout: RecordLayout, fields: LogfmtInput): Promise<void> {
  const line = `${formatLogfmt({ ts: new Date().toISOString(), ...fields })}\n`
  try {
    await appendFile(layout.lifecycleLog, line, { mode: 0o600 })
  } catch (error) {
    if (!NOT_WRITABLE.has(errnoOf(error) ?? '')) throw error
  }
}
