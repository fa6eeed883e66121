import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { privateDirectory, run } from '../src/testing/index.ts'
import { REPOSITORY } from '../src/workspace.ts'

interface Term {
  readonly pattern: string
  readonly refused: readonly string[]
  readonly passes: readonly string[]
}
interface Terms {
  readonly terms: readonly Term[]
  readonly source: { readonly terms: readonly Term[] }
}

const { terms, source }: Terms = JSON.parse(
  readFileSync(join(REPOSITORY, 'packages', 'dev', 'prose', 'terms.json'), 'utf8'),
)

let made: ReturnType<typeof privateDirectory>
beforeEach(async () => {
  made = privateDirectory()
  await run('git', ['-C', made.path, 'init', '-q'])
})
afterEach(() => made.remove())

/** Checks files of a repository of the test's own. @returns what is found, as `file:line avoided words` */
async function check(
  files: Readonly<Record<string, string>>,
): Promise<{ exitCode: number | undefined; found: string[] }> {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(made.path, name)), { recursive: true })
    writeFileSync(join(made.path, name), text)
  }
  const script = join(REPOSITORY, 'packages', 'dev', 'scripts', 'check-prose.mjs')
  const { exitCode, stdout, stderr } = await run(process.execPath, [script, '--root', made.path])
  expect(stderr).toBe('')
  const found = [...stdout.matchAll(/^(\S+?:\d+):\d+: avoid "(.*?)"\./gm)]
  return { exitCode, found: found.map(([, place, words]) => `${place} ${words}`) }
}

/** The samples of terms as files `<at>/refused<n>` and `<at>/passes<n>`; one run checks them all. */
function samples(list: readonly Term[], extension: string, prefix = ''): Record<string, string> {
  const files = list.flatMap((term, at) =>
    (['refused', 'passes'] as const).flatMap((kind) =>
      term[kind].map((text, n) => [`${prefix}${at}/${kind}${n}.${extension}`, `${text}\n`] as const),
    ),
  )
  return Object.fromEntries(files)
}

describe.each([
  ['prose', terms, samples(terms, 'md')],
  ['sources', source.terms, samples(source.terms, 'ts', 'packages/x')],
])('the terms of %s', (_name, list, files) => {
  it('refuse each sample of what they avoid, and pass each near miss', async () => {
    const { exitCode, found } = await check(files)
    const names = new Set(found.map((line) => line.split(':')[0]))
    const wrong = Object.entries(files).filter(([name]) => names.has(name) !== name.includes('/refused'))
    expect(wrong).toEqual([])
    expect(exitCode).toBe(1)
  })

  it.each(list.map((term) => [term.pattern, term] as const))('%s has samples of both', (_pattern, term) => {
    expect(term.refused.length * term.passes.length).toBeGreaterThan(0)
  })
})

describe('a source', () => {
  it('with the words of other programs is not checked, nor one outside the directories of the list', async () => {
    const found = await check({ 'packages/x/test/fixtures/a.sh': '# nobody\n', 'other/a.ts': '// nobody\n' })
    expect(found).toEqual({ exitCode: 0, found: [] })
  })

  it('may quote in a comment, while the quotes of a string are its own', async () => {
    const text = '// It says "nobody".\nconst a = "it\'s nobody"\n'
    expect((await check({ 'apps/a.ts': text })).found).toEqual(['apps/a.ts:2 nobody'])
  })
})

describe('a text', () => {
  it('is checked in headings, lists, tables and links, with the line of each use', async () => {
    const text = [
      '# A folder',
      '',
      '- one',
      '- two\n  folders',
      '',
      '| a | b |',
      '| - | - |',
      '| c | [folder](folder.md) |',
      '',
      'A phrase that is taken',
      '_down_ across two lines.',
    ]
    const { found } = await check({ 'docs/a.md': text.join('\n') })
    expect(found).toEqual([
      'docs/a.md:1 folder',
      'docs/a.md:5 folders',
      'docs/a.md:9 folder',
      'docs/a.md:11 taken down',
    ])
  })

  it('may hold any word in code, quotations, addresses, HTML and the old names of a table of renames', async () => {
    const text = [
      'Say `folder`, "folder", “a folder”, [this](https://example.org/folder). <!-- folder -->',
      '',
      '> A folder, said another.',
      '',
      '```ts',
      'const folder = 1',
      '```',
      '',
      '| old | new |',
      '| --- | --- |',
      '| folder | directory |',
    ]
    expect(await check({ 'CHANGELOG.md': text.join('\n') })).toEqual({ exitCode: 0, found: [] })
  })

  it('of a table of renames is checked in its new names, and a table of another kind in all columns', async () => {
    const renames = '| old | new |\n| --- | --- |\n| a | folder |\n'
    const other = '| name | new |\n| --- | --- |\n| folder | a |\n'
    const { found } = await check({ 'a.md': renames, 'b.md': other })
    expect(found).toEqual(['a.md:3 folder', 'b.md:3 folder'])
  })

  it('of printed help is checked although it is code', async () => {
    const page = '```console\n  stop  take a peer\n        down\n```\n'
    expect((await check({ 'docs/commands.md': page, 'docs/other.md': page })).found).toEqual([
      'docs/commands.md:2 take a peer down',
    ])
  })
})
