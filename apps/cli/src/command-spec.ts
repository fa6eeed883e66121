/** An argument of a command. Arguments are given in the order of their keys. */
export interface ArgumentSpec {
  /** Its name in the usage. @default its key */
  readonly label?: string
  readonly help?: string
  readonly optional?: true
  /** Takes all arguments that are left; only the last one can. */
  readonly variadic?: true
  /** Reads one value. @throws IapeerError `usage` where the text is not one */
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
  /** It may be given more than once. */
  readonly repeated?: true
  /** Reads one value. @throws IapeerError `usage` where the text is not one */
  readonly parse?: (text: string) => unknown
}

/** An option, named by its key: `fromPane` is `--from-pane`. One without a `value` is a flag. */
export type OptionSpec = FlagSpec | ValueSpec

export type Specs<S> = Readonly<Record<string, S>>

/** What `parse` returns, else the text. */
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

/** The values of options. A flag that is not given is false; another option that is not given is undefined, or no values. */
export type OptionValues<O> = { readonly [K in keyof O]: OptionValue<O[K]> }

/** What the command line says, read by the specs of a command. */
interface Input<A, O> {
  readonly args: { readonly [K in keyof A]: ArgumentValue<A[K]> }
  readonly options: OptionValues<O>
}

/** A command as its file defines it. */
export interface CommandSpec<A, O> {
  /** As it is typed: `list`, `daemon start`. */
  readonly name: string
  /** One line of the help. */
  readonly summary: string
  /** Leaves it out of the help. */
  readonly hidden?: true
  readonly args?: A
  readonly options?: O
  readonly run: (input: Input<A, O>) => void | Promise<void>
}
