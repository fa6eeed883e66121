import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { iapeerRoot } from '@iapeer/core/paths'
import { useConfigured } from '@iapeer/core/settings'

/**
 * Applies the settings of the root's `config.toml` to this process. A setting that is invalid is not applied.
 * @param report whether to print problems of settings that commands read, on standard error
 */
export async function applyConfigFile(report: boolean): Promise<void> {
  const root = iapeerRoot()
  // Most roots have no file, and then its parser is not loaded.
  if (!existsSync(join(root, 'config.toml'))) return
  const { readConfig, valuesOf } = await import('@iapeer/core/config')
  const config = readConfig(root)
  useConfigured(valuesOf(config))
  if (!report) return
  const concerning = config.problems.filter(
    ({ setting }) => setting === undefined || setting.readBy.includes('commands'),
  )
  for (const { message } of concerning)
    process.stderr.write(`iapeer: ${message}\n  It is ignored. iapeer config list prints every setting.\n`)
}
