import type { ArgumentSpec, CommandSpec, OptionSpec, Specs } from './command-spec.ts'

type None = Record<never, never>

/** A command whose input has no types: the implementation handles all commands alike. */
interface AnyCommandSpec extends Omit<CommandSpec<Specs<ArgumentSpec>, Specs<OptionSpec>>, 'run'> {
  readonly run: (input: {
    readonly args: Readonly<Record<string, unknown>>
    readonly options: Readonly<Record<string, unknown>>
  }) => void | Promise<void>
}

/** The texts of a command for help, completion and commander; the keys are usages: `<peer>`, `-f, --follow`, `--since <time>`. */
export interface Usage {
  readonly summary: string
  readonly hidden?: boolean
  /** Other names of the command, separated by blanks. */
  readonly aliases?: string
  /** Printed in the help after the options. */
  readonly details?: string
  readonly exitCodes?: Readonly<Record<string, string>>
  readonly arguments: Readonly<Record<string, string>>
  readonly options: Readonly<Record<string, string>>
}

/** The words of a command line. Options are keyed by name (`fromPane`). */
interface Words {
  readonly args: readonly (string | readonly string[] | undefined)[]
  readonly options: Readonly<Record<string, boolean | readonly string[]>>
}

export interface DefinedCommand {
  readonly name: string
  readonly usage: Usage
  /** Parses the words and runs the command. */
  readonly run: (words: Words) => Promise<void>
}

function argumentLabel(key: string, { label = key, optional, variadic }: ArgumentSpec): string {
  const name = variadic === true ? `${label}...` : label
  return optional === true ? `[${name}]` : `<${name}>`
}

function optionFlags(key: string, { short, value }: OptionSpec): string {
  const long = `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
  return `${short === undefined ? '' : `-${short}, `}${long}${value === undefined ? '' : ` <${value}>`}`
}

const same = (text: string): unknown => text

function argumentValue({ variadic, parse = same }: ArgumentSpec, given: Words['args'][number]): unknown {
  const values = (typeof given === 'string' ? [given] : (given ?? [])).map((text) => parse(text))
  return variadic === true ? values : values[0]
}

/** Commander represents `--no-x` as an option `x` that is true unless `--no-x` is given. */
function flagValue(key: string, given: Words['options']): boolean {
  if (!/^no[A-Z]/.test(key)) return given[key] === true
  return given[`${key.slice(2, 3).toLowerCase()}${key.slice(3)}`] === false
}

function optionValue(key: string, spec: OptionSpec, given: Words['options']): unknown {
  if (spec.value === undefined) return flagValue(key, given)
  const { parse = same, repeated } = spec
  const texts = given[key]
  if (typeof texts !== 'object') return repeated === true ? [] : undefined
  return repeated === true ? texts.map((text) => parse(text)) : parse(texts.at(-1) ?? '')
}

/** Defines a command. `run` gets the arguments and options with the types that their specs declare. */
export function defineCommand<
  const A extends Specs<ArgumentSpec> = None,
  const O extends Specs<OptionSpec> = None,
>(spec: CommandSpec<A, O>): DefinedCommand
export function defineCommand({
  name,
  summary,
  hidden,
  aliases,
  details,
  exitCodes,
  args: argumentSpecs = {},
  options: optionSpecs = {},
  run,
}: AnyCommandSpec): DefinedCommand {
  const args = Object.entries(argumentSpecs)
  const options = Object.entries(optionSpecs)
  return {
    name,
    usage: {
      summary,
      ...(hidden === true ? { hidden } : {}),
      ...(aliases === undefined ? {} : { aliases: aliases.join(' ') }),
      ...(details === undefined ? {} : { details }),
      ...(exitCodes === undefined ? {} : { exitCodes }),
      arguments: Object.fromEntries(args.map(([key, spec]) => [argumentLabel(key, spec), spec.help ?? ''])),
      options: Object.fromEntries(options.map(([key, spec]) => [optionFlags(key, spec), spec.help])),
    },
    run: async (words) =>
      run({
        args: Object.fromEntries(args.map(([key, spec], at) => [key, argumentValue(spec, words.args[at])])),
        options: Object.fromEntries(
          options.map(([key, spec]) => [key, optionValue(key, spec, words.options)]),
        ),
      }),
  }
}
