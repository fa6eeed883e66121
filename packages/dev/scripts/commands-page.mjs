// The page docs/commands.md: every command with its help, as the built command prints it.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const CLI = fileURLToPath(new URL('../../../apps/cli/', import.meta.url))
/** How many processes print a help at the same time. */
const AT_ONCE = 4
const TIME_LIMIT_MS = 20_000

const execute = promisify(execFile)

/** The help of one command, printed 80 columns wide: no terminal is there to ask for its width. */
async function helpOf(words) {
  const env = { ...process.env, NO_COLOR: '1' }
  delete env.FORCE_COLOR
  const args = [`${CLI}dist/main.js`, ...words, '--help']
  const { stdout } = await execute(process.execPath, args, { env, timeout: TIME_LIMIT_MS })
  return stdout.trimEnd()
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
  const names = commandNames()
  const sections = new Array(names.length)
  let next = 0
  const work = async () => {
    for (let at = next++; at < names.length; at = next++) {
      const words = names[at].split(' ').filter((word) => word !== '')
      sections[at] = `## ${['iapeer', ...words].join(' ')}\n\n\`\`\`text\n${await helpOf(words)}\n\`\`\``
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return `# Commands

This page is generated from the help that \`iapeer\` prints, by \`pnpm generate\`.

${sections.join('\n\n')}
`
}
