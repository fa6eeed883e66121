import { printNewDeaths } from './commands/deaths/death-reminder.ts'
import { applyConfigFile } from './config-file.ts'

/**
 * Does what precedes every command: applies the configuration file, and prints how many peers died since the last command.
 * @param report whether to print problems of the configuration file
 */
export async function beforeCommand(report: boolean): Promise<void> {
  await applyConfigFile(report)
  await printNewDeaths()
}
