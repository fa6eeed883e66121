// The page docs/commands.md: every command with its help, as the built command prints it.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const CLI = fileURLToPath(new URL('../../../apps/cli/', import.meta.url))
const TIME_LIMIT_MS = 60_000
/** Stands before each help; no help contains it. */
const SEPARATOR = '\u0000'

/** Prints the help of each command line of its argument; one process for all, because each would load the code of all commands. */
const PRINT_HELPS = `
const { runCommandLine } = await import(process.argv[1])
for (const words of JSON.parse(process.argv[2])) {
  process.stdout.write(${JSON.stringify(SEPARATOR)})
  await runCommandLine([...words, '--help'])
  if (process.exitCode !== 0) throw new Error('no help for: iapeer ' + words.join(' '))
}`

/** The help of each command, printed 80 columns wide: no terminal is there to ask for its width. */
async function helpsOf(commands) {
  const env = { ...process.env, NO_COLOR: '1' }
  delete env.FORCE_COLOR
  const args = [
    '--input-type=module',
    '-e',
    PRINT_HELPS,
    `${CLI}dist/command-line.js`,
    JSON.stringify(commands),
  ]
  const { stdout } = await promisify(execFile)(process.execPath, args, { env, timeout: TIME_LIMIT_MS })
  return stdout.split(SEPARATOR).slice(1)
}

/** Every command that the help shows, a parent before its commands; hidden ones are left out. */
function commandNames() {
  const usages = JSON.parse(readFileSync(`${CLI}src/commands/usages.json`, 'utf8'))
  const shown = Object.entries(usages).filter(([, { hidden }]) => hidden !== true)
  const withParents = shown.flatMap(([name]) => [...name.split(' ').slice(0, -1), name])
  return ['', ...new Set(withParents), 'completion']
}

/** Returns the page. @throws where the command is not built, or fails to print a help */
export async function commandsPage() {
  const commands = commandNames().map((name) => name.split(' ').filter((word) => word !== ''))
  const helps = await helpsOf(commands)
  const sections = commands.map(
    (words, at) =>
      `## ${['iapeer', ...words].join(' ')}\n\n\`\`\`text\n${(helps[at] ?? '').trimEnd()}\n\`\`\``,
  )
  return `# Commands

This page is generated from the help that \`iapeer\` prints, by \`pnpm generate\`.

${sections.join('\n\n')}
`
}
