import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { COMMAND_GROUPS, PARENTS, USAGES } from '../src/commands/command-list.ts'

const DIRECTORY = fileURLToPath(new URL('../src/commands/', import.meta.url))
const LOADS = Object.values(COMMAND_GROUPS).flatMap((commands) => Object.entries(commands))

const defined = async () =>
  Promise.all(LOADS.map(async ([name, load]) => ({ key: name, command: (await load()).default })))

it('usages.json contains what the command files define (vitest -u writes it)', async () => {
  const usages = (await defined()).map(({ command }) => [command.name, command.usage])
  const text = `${JSON.stringify(Object.fromEntries(usages), undefined, 2)}\n`
  await expect(text).toMatchFileSnapshot('../src/commands/usages.json')
})

it('each command is listed under its own name, and usages.json has no other entry', async () => {
  for (const { key, command } of await defined()) expect(command.name).toBe(key)
  expect(Object.keys(USAGES)).toEqual(LOADS.map(([name]) => name))
  const parents = LOADS.flatMap(([name]) => name.split(' ').slice(0, -1))
  expect([...new Set(parents)]).toEqual(Object.keys(PARENTS))
})

it('every file that defines a command is listed', async () => {
  const files = readdirSync(DIRECTORY, { recursive: true, encoding: 'utf8' })
  const defining = files.filter(
    (file) =>
      file.endsWith('.ts') && readFileSync(`${DIRECTORY}${file}`, 'utf8').includes('default defineCommand('),
  )
  const listed = readFileSync(`${DIRECTORY}command-list.ts`, 'utf8')
  expect(defining.filter((file) => !listed.includes(`import('./${file}')`))).toEqual([])
  // The five commands that are named after runtimes share one file.
  expect(defining.length + 5).toBe(LOADS.length)
})
