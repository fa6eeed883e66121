import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { privateDirectory, run } from '../src/testing/index.ts'
import { REPOSITORY } from '../src/workspace.ts'

const { blockFaults } = await import(join(REPOSITORY, 'packages', 'dev', 'links', 'block-faults.mjs'))

let made: ReturnType<typeof privateDirectory>
beforeEach(async () => {
  made = privateDirectory()
  await run('git', ['-C', made.path, 'init', '-q'])
})
afterEach(() => made.remove())

/** Checks the pages of a repository of the test's own. @returns the faults, as `file:line: message` */
async function check(files: Readonly<Record<string, string>>): Promise<string[]> {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(made.path, name)), { recursive: true })
    writeFileSync(join(made.path, name), text)
  }
  const script = join(REPOSITORY, 'packages', 'dev', 'scripts', 'check-docs.mjs')
  const { exitCode, stdout, stderr } = await run(process.execPath, [script, '--root', made.path])
  const faults = stdout.split('\n').filter((line) => line !== '')
  expect([exitCode, stderr]).toEqual([faults.length === 0 ? 0 : 1, ''])
  return faults
}

it('links to files, directories, headings and other sites are right', async () => {
  const page = [
    '# Über `iapeer` & more_words',
    '## Twice',
    '## Twice',
    '[a](docs/b.md#c) [b](docs) [c](docs/) [d](#twice-1) [e](https://example.org/no) [f](mailto:a@b.c)',
    '[g](#über-iapeer--more_words) [h](docs/b.md "title") ![i](docs/i.svg) [j](docs/with%20blank.md)',
    '[k][k] <img src="docs/i.svg"> [l](docs#readme) `[m](code.md)`',
    '',
    '[k]: docs/b.md#c',
    '',
    '```text',
    '[n](fenced.md)',
    '```',
  ]
  const others = {
    'docs/b.md': '# C\n[up](../README.md#twice)\n',
    'docs/README.md': '# Readme\n',
    'docs/i.svg': '',
    'docs/with blank.md': '',
  }
  expect(await check({ 'README.md': page.join('\n'), ...others })).toEqual([])
})

const FAULTS = [
  ['a missing file', '[a](b.mdx)', 'no such file: b.mdx'],
  ['a file in another case', '[a](B.md)', 'no such file: B.md'],
  ['a missing heading', '[a](b.md#cs)', 'b.md has no heading for "#cs"'],
  ['a heading in upper case', '[a](b.md#C)', 'b.md has no heading for "#C"'],
  ['a number that no repeated heading has', '[a](b.md#c-1)', 'b.md has no heading for "#c-1"'],
  ['an own heading that is missing', '[a](#a)', 'fault5.md has no heading for "#a"'],
  ['a heading of what is not a page', '[a](b.txt#c)', 'b.txt is not a Markdown page, so "#c" leads nowhere'],
  ['a path from the root', '[a](/b.md)', 'write "/b.md" as a path relative to this page'],
  ['a file outside the repository', '[a](../b.md)', 'no such file: ../b.md'],
  ['a file that git ignores', '[a](ignored.md)', 'no such file: ignored.md'],
  ['a missing picture', '![a](c.svg)', 'no such file: c.svg'],
  ['a missing picture in HTML', '<img src="c.svg">', 'no such file: c.svg'],
  ['a definition', '[a][a]\n\n[a]: c.md', 'no such file: c.md'],
] as const

it('a link that leads nowhere is a fault, whatever is wrong with it', async () => {
  const others = { '.gitignore': 'ignored.md\n', 'b.md': '# C\n', 'b.txt': '# C\n', 'ignored.md': '' }
  const pages = FAULTS.map(([, text], at) => [`fault${at}.md`, text] as const)
  const faults = await check({ ...others, ...Object.fromEntries(pages) })
  const found = FAULTS.map(([what], at) => {
    const ofPage = faults.filter((line) => line.startsWith(`fault${at}.md:`))
    return [what, ofPage.map((line) => line.replace(/^\S+ /, ''))]
  })
  expect(found).toEqual(FAULTS.map(([what, , message]) => [what, [message]]))
})

it('a fault has the line of its link', async () => {
  expect(await check({ 'a.md': 'One.\n\n- two\n- [a](b.md)\n' })).toEqual(['a.md:4: no such file: b.md'])
})

it('a link to the page of the benchmarks is right before they were run', async () => {
  expect(await check({ 'docs/a.md': '[a](benchmarks.md#any)' })).toEqual([])
})

it.each([
  ['docs/a.md', 'console run', []],
  ['docs/a.md', 'console no-run', []],
  ['docs/a.md', 'sh file=a.sh', []],
  ['packages/a/README.md', 'js', []],
  ['docs/a.md', 'json', []],
  ['docs/a.md', 'console', ['mark the console block']],
  ['docs/a.md', 'console runs', ['mark the console block']],
  ['docs/a.md', 'sh', ['mark the sh block']],
  ['docs/a.md', 'sh run', ['a block that runs is a console block']],
  ['docs/a.md', 'console file=a.sh', ['mark the console block']],
  ['docs/a.md', '', ['code block ""']],
  ['docs/a.md', 'bash', ['code block "bash"']],
  ['docs/a.md', 'js', ['no test runs a js block']],
  ['packages/a/README.md', 'console run', ['no test follows this page']],
])('in %s, a code block marked "%s" has the faults %j', (path, info, messages) => {
  const blocks = blockFaults(path, { blocks: [{ info, line: 3 }] })
  expect(blocks).toEqual(messages.map((message) => ({ line: 3, message: expect.stringContaining(message) })))
})
