import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { expect, it } from 'vitest'
import { buildProgram } from '../src/program.ts'

const README = readFileSync(fileURLToPath(new URL('../../../README.md', import.meta.url)), 'utf8')

/** The usages in the table of the README: `iapeer list [--watch] [--json]`. */
const USAGES = README.split('\n')
  .filter((line) => line.startsWith('| `iapeer '))
  .flatMap((line) =>
    [...(line.split(' | ')[0] ?? '').matchAll(/`iapeer ([^`]+)`/g)].map(([, usage = '']) => usage),
  )

it('every command and option that the README names exists', async () => {
  expect(USAGES.length).toBeGreaterThan(25)
  const program = await buildProgram()
  for (const usage of USAGES) {
    const [name = '', ...words] = usage.split(' ')
    // A package adds this command; it has no options.
    if (name === 'completion') continue
    const command = program.commands.find((one) => one.name() === name)
    expect([usage, command?.name()]).toEqual([usage, name])
    const kinds = [command, ...(command?.commands ?? [])]
    const options = kinds.flatMap((one) => one?.options ?? []).flatMap(({ short, long }) => [short, long])
    const named = words.join(' ').match(/(?<![\w-])--?[a-z][a-z-]*/g) ?? []
    expect([usage, named.filter((option) => !options.includes(option))]).toEqual([usage, []])
  }
})

it('the help of every command fits in 80 columns', async () => {
  const helps = (command: Command): string[] => {
    let text = ''
    command.configureOutput({ writeOut: (words) => (text += words), getOutHelpWidth: () => 80 })
    command.outputHelp()
    return [text, ...command.commands.flatMap(helps)]
  }
  const texts = helps(await buildProgram())
  expect(texts.length).toBeGreaterThan(30)
  const tooWide = texts.flatMap((text) => text.split('\n')).filter((line) => line.length > 80)
  expect(tooWide).toEqual([])
})

it('the README names the pnpm that this repository is built with', () => {
  const manifest = readFileSync(fileURLToPath(new URL('../../../package.json', import.meta.url)), 'utf8')
  expect(README).toContain(`npx ${JSON.parse(manifest).packageManager}`)
})
