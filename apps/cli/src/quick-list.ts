import { parseArgs } from 'node:util'
import { errnoOf } from '@iapeer/core/errors'
import { beforeCommand } from './before-command.ts'
import { prepareProcess } from './command-process.ts'
import list from './commands/peers/list.ts'
import { exitCodeOf, explain } from './exit-code.ts'

const OPTIONS = {
  json: { type: 'boolean' },
  cost: { type: 'boolean' },
  utc: { type: 'boolean' },
  watch: { type: 'boolean', short: 'w' },
} as const

/** Returns the options; undefined for any other command line, also a wrong one. */
function optionsOf(words: readonly string[]): Readonly<Record<string, boolean>> | undefined {
  try {
    return parseArgs({ args: [...words], options: OPTIONS }).values
  } catch (error) {
    if (errnoOf(error)?.startsWith('ERR_PARSE_ARGS_') === true) return undefined
    throw error
  }
}

/**
 * Runs `iapeer list` without the code that other commands and the help need.
 * @param words the words after the name of the command
 * @returns false if nothing was done, because the words need the whole command line: help, or an error
 */
export async function runList(words: readonly string[]): Promise<boolean> {
  const options = optionsOf(words)
  if (options === undefined) return false
  prepareProcess()
  try {
    await beforeCommand(true)
    await list.run({ args: [], options })
  } catch (error) {
    process.stderr.write(explain(error))
    process.exitCode = exitCodeOf(error)
  }
  return true
}
