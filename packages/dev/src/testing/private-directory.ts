import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { processesOf } from '../no-leftovers.ts'

const LIMIT_MS = 5_000
const POLL_MS = 25

/**
 * Makes a private directory with a short path inside the directory of the run. `remove` deletes it as soon as no process has it in
 * its arguments or environment, or after 5 s: a recorder that is still writing would make the directory again.
 */
export function privateDirectory(prefix = 'r'): { path: string; remove: () => Promise<void> } {
  const parent = process.env['IAPEER_TEST_DIR']
  if (parent === undefined) throw new Error('IAPEER_TEST_DIR is set by the global setup of packageTests')
  const path = mkdtempSync(join(parent, prefix))
  return {
    path,
    remove: async () => {
      const end = performance.now() + LIMIT_MS
      while (processesOf(path).length > 0 && performance.now() < end)
        await new Promise((resolve) => setTimeout(resolve, POLL_MS))
      rmSync(path, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
