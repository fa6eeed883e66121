import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const inDirectory = (directory: string): string[] =>
  readdirSync(directory)
    .filter((name) => name.endsWith('.sh'))
    .map((name) => join(directory, name))

const scripts = [...inDirectory(path('../assets')), ...inDirectory(path('../../tmux/assets'))].map(
  (file) => ({
    name: basename(file),
    text: readFileSync(file, 'utf8'),
  }),
)

/** The only functions whose names do not begin with the noun of their file. */
const PLAIN = new Set(['out', 'main'])

interface ShellFunction {
  readonly file: string
  readonly name: string
  readonly body: string
}

const functions: readonly ShellFunction[] = scripts.flatMap(({ name: file, text }) =>
  [...text.matchAll(/^(\w+)\(\) (?:\{\n([\s\S]*?)^\}$|\{ (.*) \}$)/gm)].map(
    ([, name = '', long, short]): ShellFunction => ({ file, name, body: long ?? short ?? '' }),
  ),
)

/** Removes comments and quoted text. */
const bare = (body: string): string =>
  body
    .replace(/^\s*#.*$/gm, '')
    .replace(/'[^']*'/g, "''")
    .replace(/"(?:[^"\\]|\\.)*"/g, '""')

/** Returns the lower-case names that a function assigns, reads into or loops over. */
function temporaries(body: string): Set<string> {
  const code = bare(body)
  // A statement that begins with assignments; `rc=*)` is a pattern of `case`.
  const statements = [...code.matchAll(/(?:^|[;&|({]|\bthen|\belse|\bdo)\s*((?:\w+=\S*[ \t]*)+)/gm)]
  const assigned = statements.flatMap(([, run]) =>
    [...(run ?? '').matchAll(/(?:^|\s)([a-z]\w*)=(?![?*])/g)].map(([, name]) => name ?? ''),
  )
  const loops = [...code.matchAll(/\bfor ([a-z]\w*) in\b/g)].map(([, name]) => name ?? '')
  const read = [...code.matchAll(/\bread ((?:-\w+ )*(?:"" )?)([\w ]+)/g)].flatMap(([, , names]) =>
    (names ?? '').split(' ').filter((name) => /^[a-z]/.test(name)),
  )
  return new Set([...assigned, ...loops, ...read])
}

it('a function name is the noun of its file and a verb', () => {
  expect(functions.length).toBeGreaterThan(100)
  const noun = (file: string): string =>
    file === 'exit-hook.sh' ? 'hook' : (/^[a-z]+/.exec(file)?.[0] ?? '')
  const wrong = functions.filter(({ file, name }) => !PLAIN.has(name) && !name.startsWith(`${noun(file)}_`))
  expect(wrong.map(({ file, name }) => `${file}: ${name}`)).toEqual([])
})

it('a temporary begins with the name of its function', () => {
  const found = functions.flatMap(({ file, name, body }) =>
    [...temporaries(body)].map((temporary) => ({ file, name, temporary })),
  )
  expect(found.length).toBeGreaterThan(100)
  const wrong = found.filter(({ name, temporary }) => !temporary.startsWith(`${name}_`))
  expect(wrong.map(({ file, name, temporary }) => `${file}: ${name}: ${temporary}`)).toEqual([])
})

it('every called name is a function, and every function is called', () => {
  const names = new Set(functions.map(({ name }) => name))
  const files = new Set(
    scripts.flatMap(({ text }) => [...text.matchAll(/^(\w+)\(\) /gm)].map(([, name]) => name)),
  )
  // Includes functions that the pattern above misses, such as two definitions of one function.
  const all = new Set([...names, ...files])
  const called = new Set<string>()
  for (const { text } of scripts) {
    const code = text.replace(/^\s*#.*$/gm, '')
    for (const [, name = ''] of code.matchAll(/(?<![\w$.{/#=-])([a-z]+_[a-z_]+)(?![\w=(])(?!\) )/g))
      called.add(name)
  }
  const nouns = new Set([...names].map((name) => name.split('_')[0]))
  const unknown = [...called].filter(
    (name) =>
      !all.has(name) &&
      nouns.has(name.split('_')[0]) &&
      // A temporary in an arithmetic expression.
      !functions.some((one) => name.startsWith(`${one.name}_`)),
  )
  expect(unknown).toEqual([])
  const unused = [...names].filter((name) => !called.has(name) && !PLAIN.has(name))
  expect(unused).toEqual([])
})

it('return codes have names', () => {
  const numbers = functions.flatMap(({ file, name, body }) =>
    [...bare(body).matchAll(/\b(?:return|exit) ([2-9]\d*)\b/g)].map(([all]) => `${file}: ${name}: ${all}`),
  )
  expect(numbers).toEqual([])
})

it('claims are parsed in one place and written in one place', () => {
  const holds = (pattern: RegExp): string[] =>
    scripts.filter(({ text }) => pattern.test(text.replace(/^\s*#.*$/gm, ''))).map(({ name }) => name)
  expect(holds(/ev=\$EVENT,rec=/)).toEqual(['claim-facts.sh'])
  expect(holds(/rec=\*\)/)).toEqual(['claim.sh'])
})

it('the files generated from causes.json and states.json are up to date', async () => {
  const { exitCode, stderr } = await run(process.execPath, [path('../scripts/generate.mjs'), '--check'])
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
})
