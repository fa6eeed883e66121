/** An argument of a command. The order of the keys is the order of the arguments. */
export interface ArgumentSpec {
  /** Its name in the usage. @default its key */
  readonly label?: string
  readonly help?: string
  readonly optional?: true
  /** Takes all remaining arguments; only the last argument can be variadic. */
  readonly variadic?: true
  /** Parses one value. @throws IapeerError `usage` for an invalid text */
  readonly parse?: (text: string) => unknown
}

interface FlagSpec {
  readonly help: string
  /** One letter: `f` for `-f`. */
  readonly short?: string
  readonly value?: never
}

interface ValueSpec extends Omit<FlagSpec, 'value'> {
  /** The name of its value in the usage. */
  readonly value: string
  /** The option may be given more than once. */
  readonly repeated?: true
  /** Parses one value. @throws IapeerError `usage` for an invalid text */
  readonly parse?: (text: string) => unknown
}

/** An option, named by its key: `fromPane` is `--from-pane`. An option without a `value` is a flag. */
export type OptionSpec = FlagSpec | ValueSpec

export type Specs<S> = Readonly<Record<string, S>>

/** The type that `parse` returns, else string. */
type Parsed<S> = S extends { readonly parse: (text: string) => infer T } ? T : string

type ArgumentValue<S> = S extends { readonly variadic: true }
  ? readonly Parsed<S>[]
  : S extends { readonly optional: true }
    ? Parsed<S> | undefined
    : Parsed<S>

type OptionValue<S> = S extends { readonly value: string }
  ? S extends { readonly repeated: true }
    ? readonly Parsed<S>[]
    : Parsed<S> | undefined
  : boolean

/** The values of options. A flag that is not given is false; any other option is then undefined, or an empty list if `repeated`. */
export type OptionValues<O> = { readonly [K in keyof O]: OptionValue<O[K]> }

/** The arguments and options of a command line, parsed by the specs of a command. */
interface Input<A, O> {
  readonly args: { readonly [K in keyof A]: ArgumentValue<A[K]> }
  readonly options: OptionValues<O>
}

/** A command as its file defines it. */
export interface CommandSpec<A, O> {
  /** The name as it is typed: `list`, `daemon start`. */
  readonly name: string
  /** A verb phrase for the help. */
  readonly summary: string
  /** Omits the command from the help. */
  readonly hidden?: true
  /** Other names of the command. */
  readonly aliases?: readonly string[]
  /** Printed in the help after the options; at most 80 columns wide. */
  readonly details?: string
  /** The meaning of each exit code from 3 on, and of a lower one that has another meaning than `ok`, `failed` or `usage`. */
  readonly exitCodes?: Readonly<Record<number, string>>
  readonly args?: A
  readonly options?: O
  readonly run: (input: Input<A, O>) => void | Promise<void>
}
