/** A command as the table of all commands describes it. */
interface Usage {
  readonly summary: string
  readonly details?: string
  readonly aliases?: string
  readonly hidden?: boolean
  readonly arguments: Readonly<Record<string, string>>
  readonly options: Readonly<Record<string, string>>
  readonly exitCodes?: Readonly<Record<string, string>>
}

interface ManOptions {
  readonly usages: Readonly<Record<string, Usage>>
  readonly version: string
  /** The date of the pages: `2026-11-30`. */
  readonly date: string
  /** The meaning of each exit code that every command can have. */
  readonly exitCodes: Readonly<Record<string, string>>
}

const LINE_WIDTH = 79

/** Returns a text for roff: nothing in it is a request, an escape or a hyphen that a program must not copy. */
const escaped = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('`', '\\(ga')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
    .replace(/^\./gm, '\\&.')

/** Returns a text for roff in lines of at most 79 characters; each sentence begins a line. */
function filled(text: string): string {
  const lines: string[] = []
  for (const word of escaped(text).split(/\s+/)) {
    const line = lines.at(-1)
    const isFull = line === undefined || line.length + word.length + 1 > LINE_WIDTH || /[.!?]$/.test(line)
    if (isFull) lines.push(word.replace(/^\./, '\\&.'))
    else lines[lines.length - 1] = `${line} ${word}`
  }
  return lines.join('\n')
}

const quoted = (text: string): string => `"${escaped(text).replaceAll('"', '\\(dq')}"`

/** Returns a line in bold; an option shows its value in italics. */
const flags = (text: string): string =>
  `\\fB${escaped(text).replace(/ ([<[].*)$/, (_all, value: string) => ` \\fI${value}\\fB`)}\\fR`

const entries = (list: readonly (readonly [string, string])[]): string[] =>
  list.flatMap(([label, text]) => ['.TP', flags(label), filled(text)])

const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : [`.SH ${title}`, ...lines]

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`

/** Returns the lines of a text; those that are indented are examples and keep their line breaks. */
const paragraphs = (text: string): string[] =>
  text
    .split(/\n{2,}/)
    .flatMap((part) =>
      part.startsWith('  ')
        ? ['.PP', '.EX', ...part.split('\n').map((line) => escaped(line.trim())), '.EE']
        : ['.PP', filled(part)],
    )

const head = (name: string, { version, date }: ManOptions): string =>
  `.TH ${quoted(name.toUpperCase())} 1 "${date}" ${quoted(`iapeer ${version}`)} "User Commands"\n.nh`

/** Returns the name of the page of a command: `iapeer-daemon-start`. */
const pageName = (command: string): string => `iapeer-${command.replaceAll(' ', '-')}`

function commandPage(command: string, usage: Usage, options: ManOptions): string {
  const words = [...Object.keys(usage.arguments)].map((word) => `\\fI${escaped(word)}\\fR`)
  const common = Object.entries(options.exitCodes).filter(([code]) => ['0', '1', '2'].includes(code))
  const exitCodes = { ...Object.fromEntries(common), ...usage.exitCodes }
  const aliases = usage.aliases?.split(' ').map((alias) => `iapeer ${alias}`) ?? []
  const lines = [
    head(pageName(command), options),
    ...section('NAME', [
      filled(`${pageName(command)} \u2010 ${usage.summary.split('. ')[0]}`).replace('\u2010', '\\-'),
    ]),
    ...section('SYNOPSIS', [
      `\\fBiapeer ${escaped(command)}\\fR [\\fIoptions\\fR] ${words.join(' ')}`.trim(),
    ]),
    ...section('DESCRIPTION', [
      filled(sentence(usage.summary)),
      ...(usage.details === undefined ? [] : paragraphs(usage.details)),
      ...(aliases.length === 0 ? [] : ['.PP', `Also: ${aliases.map(escaped).join(', ')}.`]),
    ]),
    ...section('ARGUMENTS', entries(Object.entries(usage.arguments))),
    ...section('OPTIONS', entries([...Object.entries(usage.options), ['-h, --help', 'print the help']])),
    ...section('EXIT STATUS', entries(Object.entries(exitCodes))),
    ...section('SEE ALSO', ['.BR iapeer (1)']),
  ]
  return `${lines.join('\n')}\n`
}

function mainPage(commands: readonly (readonly [string, Usage])[], options: ManOptions): string {
  const lines = [
    head('iapeer', options),
    ...section('NAME', ['iapeer \\- start and supervise agents in tmux, and learn why they died']),
    ...section('SYNOPSIS', ['\\fBiapeer\\fR [\\fIcommand\\fR] [\\fIoptions\\fR]']),
    ...section('DESCRIPTION', [
      'Runs a recorder outside each tmux server.',
      'When the server or its agent dies, the recorder writes down what happened.',
      'Without a command, prints what is watched and what died last.',
    ]),
    ...section('COMMANDS', entries(commands.map(([name, { summary }]) => [name, summary]))),
    ...section('EXIT STATUS', entries(Object.entries(options.exitCodes))),
    ...section(
      'ENVIRONMENT',
      entries([['IAPEER_ROOT', 'the directory that holds everything iapeer keeps (default: ~/.iapeer)']]),
    ),
    ...section('SEE ALSO', [commands.map(([name]) => `.BR ${escaped(pageName(name))} (1)`).join(',\n')]),
  ]
  return `${lines.join('\n')}\n`
}

/** Returns the manual pages by file name: `iapeer.1`, and one for each command that the help shows. Pure. */
export function manPages(options: ManOptions): Map<string, string> {
  const shown = Object.entries(options.usages).filter(([, { hidden }]) => hidden !== true)
  return new Map([
    ['iapeer.1', mainPage(shown, options)],
    ...shown.map(([name, usage]): [string, string] => [
      `${pageName(name)}.1`,
      commandPage(name, usage, options),
    ]),
  ])
}
