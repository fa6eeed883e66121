// Writes docs/errors.md and docs/environment.md from the tables in packages/core, and docs/commands.md from the help that the
// command prints. Both must be built.
// --check writes nothing and exits 1 if a page differs; --docs <directory> sets another directory than docs.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import {
  ERROR_KINDS,
  ERROR_SECTIONS,
  EXIT_CODES,
  exitCodeOf,
  httpStatusOf,
} from '../../core/dist/errors/catalogue.js'
import {
  describeDefault,
  describeNumber,
  FOREIGN_VARIABLES,
  INTERNAL_VARIABLES,
  PEER_VARIABLES,
  SETTINGS,
} from '../../core/dist/settings.js'
import { commandsPage } from './commands-page.mjs'

const { values } = parseArgs({ options: { check: { type: 'boolean' }, docs: { type: 'string' } } })
const docs = values.docs ?? fileURLToPath(new URL('../../../docs', import.meta.url))

const NOTE = 'This page is generated from the tables in `packages/core/src` by `pnpm generate`.'

/** Returns a Markdown table with aligned columns. */
function table(head, rows) {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')))
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => row[column].length)))
  const line = (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`
  const [first, ...others] = cells.map(line)
  return [first, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...others].join('\n')
}

const code = (text) => `\`${text}\``

const exitCodes = table(
  ['exit code', 'meaning'],
  Object.values(EXIT_CODES).map(({ code: number, meaning, reserved }) => [
    String(number),
    reserved ? `Reserved, no command exits with it yet. ${meaning}` : meaning,
  ]),
)

const kinds = table(
  ['kind', 'meaning', 'exit code', 'HTTP status'],
  Object.entries(ERROR_KINDS).map(([kind, { summary, exitCode, httpStatus }]) => [
    code(kind),
    summary,
    String(exitCode),
    String(httpStatus),
  ]),
)

/** Returns the exit code and the HTTP status of an error, as far as they differ from those of its kind. */
function differs(name, { kind }) {
  const [exitCode, httpStatus] = [exitCodeOf(name), httpStatusOf(name)]
  const exits = exitCode === ERROR_KINDS[kind].exitCode ? [] : [`exit code ${exitCode}`]
  return [...exits, ...(httpStatus === ERROR_KINDS[kind].httpStatus ? [] : [`HTTP ${httpStatus}`])]
}

const errorSections = ERROR_SECTIONS.map(({ title, errors }) => {
  const rows = Object.entries(errors).map(([name, entry]) => [
    code(name),
    [code(entry.kind), ...differs(name, entry)].join(', '),
    entry.hint === undefined ? entry.summary : `${entry.summary} ${entry.hint}`,
  ])
  return `## ${title}\n\n${table(['code', 'kind', 'meaning, and what to do'], rows)}`
})

const errorsPage = `# Errors

${NOTE}

Every error has a \`code\`, a message and often a hint. Programs match on the code: it does not change with the words of the
message. Results in JSON, the daemon's API and the libraries use the same codes. The code decides the kind, and the kind
decides the exit code of a command and the HTTP status of the API. A code that this page does not list comes from a daemon of
another version, and is of the kind \`failed\`. Errors of the system keep their own codes, for example \`ENOSPC\`: exit code 1, HTTP 500.

## Exit codes

${exitCodes}

## Kinds

${kinds}

${errorSections.join('\n\n')}
`

const accepted = (setting) => {
  if (setting.type === 'number') return describeNumber(setting)
  if (setting.type === 'URL') return 'an http or https URL'
  return setting.type === 'switch' ? '`on` or `off`' : `a ${setting.type}`
}

function keptByService({ service, secret }) {
  if (service === undefined) return ''
  if (service === 'recorded') return 'yes'
  return secret ? 'no, a secret' : 'no, needs a secret'
}

const settings = table(
  ['variable', 'key in `config.toml`', 'meaning', 'value', 'default', 'read by', 'kept by the service'],
  Object.values(SETTINGS).map((setting) => [
    code(setting.variable),
    setting.key === undefined ? '' : code(setting.key),
    setting.description,
    accepted(setting),
    describeDefault(setting),
    setting.readBy.join(', '),
    keptByService(setting),
  ]),
)

const variables = (list) =>
  table(
    ['variable', 'meaning'],
    list.map(({ variable, description }) => [variable.split(', ').map(code).join(', '), description]),
  )

const environmentPage = `# Environment

${NOTE}

## Settings

Set these where the program that reads them is started, or set the key of a setting in [\`config.toml\`](configuration.md); a variable wins over the
file. The daemon reads these variables once, when it starts; it reads \`config.toml\` again after each change. An empty variable counts
as unset. A value that is not accepted is the error \`bad-setting\`. "Kept by the service" says whether \`iapeer service install\` writes the
value of its own environment into the file of the service: secrets are never written; give them to the service yourself (\`systemctl --user edit iapeerd\`).

${settings}

## Peers

${variables(PEER_VARIABLES)}

iapeer does not pass the secrets of this page, or \`IAPEER_PORT\`, to the program of a peer.

## Variables of other programs

${variables(FOREIGN_VARIABLES)}

## Internal variables

iapeer sets these for its own scripts, in tmux and in tests. Do not set them yourself.

${variables(INTERNAL_VARIABLES)}
`

function readOrEmpty(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
    return ''
  }
}

for (const [name, text] of [
  ['errors.md', errorsPage],
  ['environment.md', environmentPage],
  ['commands.md', await commandsPage()],
]) {
  const path = join(docs, name)
  const isCurrent = readOrEmpty(path) === text
  if (values.check && !isCurrent) {
    process.stdout.write(`${path} is out of date: run pnpm generate\n`)
    process.exitCode = 1
  } else if (!isCurrent) {
    writeFileSync(path, text)
    process.stdout.write(`${path} is written\n`)
  }
}
