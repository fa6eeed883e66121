import type { IapeerError } from '@iapeer/core/errors'
import type { Command, CommanderError } from 'commander'
import { didYouMean } from './did-you-mean.ts'
import { usageError } from './exit-code.ts'
import { commandText } from './output.ts'

/** Returns the words that call a command: `iapeer daemon start`. */
function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`
}

/** Returns the usage line of a command and where its help is, as the hint of an error. */
const usageHint = (command: Command): string =>
  `Usage: ${command.createHelp().commandUsage(command)}\n  ${pathOf(command)} --help explains it.`

const joined = (...lines: readonly string[]): string => lines.filter((line) => line !== '').join('\n  ')

/**
 * Returns the command line with `--` before the program, if an option that the command does not have follows a program.
 * @param words the command line as it was typed
 */
function withSeparator(command: Command, words: readonly string[]): string {
  const last = command.registeredArguments.at(-1)
  const [name = '', program = ''] = command.args
  if (last?.variadic !== true || words.includes('--') || program === '' || program.startsWith('-')) return ''
  const at = words.indexOf(program, words.indexOf(name) + 1)
  if (at < 0) return ''
  const call = ['iapeer', ...words.slice(0, at), '--', ...words.slice(at)]
  const what = last.name() === 'text' ? 'To send words that begin with -' : 'To pass options to the program'
  return `${what}, put -- before ${last.name() === 'text' ? 'the text' : 'it'}: ${commandText(call)}`
}

/** Returns commander's error about a command line in the form of every other error. */
export function commandLineError(
  command: Command,
  error: CommanderError,
  words: readonly string[],
): IapeerError {
  const [first = '', suggestion = ''] = error.message.replace(/^error: /, '').split('\n')
  const advice =
    error.code === 'commander.unknownOption'
      ? withSeparator(command, words) || suggestion.replace(/^\((.*)\)$/, '$1')
      : ''
  return usageError(first, joined(advice, usageHint(command)))
}

/** Returns the error about a word that is not a command of `parent`. */
export function noSuchCommand(parent: Command, word: string): IapeerError {
  const names = parent.createHelp().visibleCommands(parent)
  const candidates = names.flatMap((one) => [one.name(), ...one.aliases()])
  const prefix = parent.parent === null ? '' : `${parent.name()} `
  return usageError(
    `no such command: ${prefix}${word}`,
    joined(didYouMean(word, candidates), `${pathOf(parent)} --help lists the commands.`),
  )
}
