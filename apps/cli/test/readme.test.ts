import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { buildProgram } from '../src/program.ts'

const README = readFileSync(fileURLToPath(new URL('../../../README.md', import.meta.url)), 'utf8')

/** The usages in its table: `iapeer list [--watch] [--json]`. */
const USAGES = README.split('\n')
  .filter((line) => line.startsWith('| `iapeer '))
  .flatMap((line) =>
    [...(line.split(' | ')[0] ?? '').matchAll(/`iapeer ([^`]+)`/g)].map(([, usage = '']) => usage),
  )

it('the README names commands that there are, each with options that it has', () => {
  expect(USAGES.length).toBeGreaterThan(25)
  const program = buildProgram()
  for (const usage of USAGES) {
    const [name = '', ...words] = usage.split(' ')
    // What a package of others adds; it has no options.
    if (name === 'completion') continue
    const command = program.commands.find((one) => one.name() === name)
    expect([usage, command?.name()]).toEqual([usage, name])
    const kinds = [command, ...(command?.commands ?? [])]
    const options = kinds.flatMap((one) => one?.options ?? []).flatMap(({ short, long }) => [short, long])
    const named = words.join(' ').match(/(?<![\w-])--?[a-z][a-z-]*/g) ?? []
    expect([usage, named.filter((option) => !options.includes(option))]).toEqual([usage, []])
  }
})
