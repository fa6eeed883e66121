import { readConfig } from '@iapeer/core/config'
import type { Check, DoctorContext, Finding } from '../finding.ts'

async function runConfig({ root }: DoctorContext): Promise<Finding[]> {
  const { path, problems } = readConfig(root)
  return problems.map(({ message }) => ({
    id: 'config-invalid',
    level: 'warning',
    what: `config.toml has a problem: ${message}`,
    where: path,
    fix: 'Correct that line. A running daemon keeps the last good settings; iapeer config list prints all.',
  }))
}

/** Whether the configuration file of the root is valid. */
export const config: Check = { id: 'config', title: 'Configuration', group: 'files', run: runConfig }
