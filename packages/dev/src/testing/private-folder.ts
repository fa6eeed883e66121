import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** A short private folder inside the run's own; `remove` takes it away. */
export function privateFolder(prefix = 'r'): { path: string; remove: () => void } {
  const parent = process.env['IAPEER_TEST_FOLDER']
  if (parent === undefined) throw new Error('IAPEER_TEST_FOLDER is set by the global setup of packageTests')
  const path = mkdtempSync(join(parent, prefix))
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) }
}
