import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isFullCampaign } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { asyncCleanups, privateDirectory, run } from '../src/testing/index.ts'
import { REPOSITORY } from '../src/workspace.ts'

const track = asyncCleanups()
const SCRIPT = join(REPOSITORY, 'packages', 'dev', 'scripts', 'api-report.mjs')
const MANIFEST = {
  name: '@x/a',
  type: 'module',
  exports: { '.': { types: './dist/index.d.ts' }, './sub': { types: './dist/sub.d.ts' } },
}

/** A workspace with one built package, and the report of it. */
function workspace(files: Readonly<Record<string, string>>) {
  const made = privateDirectory()
  track(made.remove)
  const directory = join(made.path, 'packages', 'a')
  mkdirSync(join(directory, 'dist'), { recursive: true })
  writeFileSync(join(directory, 'package.json'), JSON.stringify(MANIFEST))
  const write = (changed: Readonly<Record<string, string>>): void => {
    for (const [name, text] of Object.entries(changed)) writeFileSync(join(directory, 'dist', name), text)
  }
  write(files)
  return {
    write,
    report: (...args: string[]) => run(process.execPath, [SCRIPT, '--root', made.path, ...args]),
    text: () => readFileSync(join(directory, 'api.md'), 'utf8'),
  }
}

const FILES = {
  'index.d.ts': [
    "import { S as Shared } from './shared.d-Ab_12-cd.js'",
    '/** Says hello. */',
    'declare function hello(to: Shared): Hidden',
    'interface Hidden { readonly said: string }',
    "export { S as Shared } from './shared.d-Ab_12-cd.js'",
    'export { hello }',
  ].join('\n'),
  'sub.d.ts': "export { S as Shared } from './shared.d-Ab_12-cd.js'\n",
  'shared.d-Ab_12-cd.d.ts': 'interface Shared { readonly name: string }\nexport type { Shared as S }\n',
}

it('a report has each declaration once, without comments, and the types that the exported ones use', async () => {
  const { report, text } = workspace(FILES)
  expect(await report()).toMatchObject({ exitCode: 0, stdout: '', stderr: '' })
  const [, ...sections] = text().split(/^## /m)
  expect(sections).toEqual([
    '@x/a\n\n```ts\nexport interface Shared {\n    readonly name: string;\n}\n\nexport function hello(to: Shared): Hidden;\n```\n\n',
    "@x/a/sub\n\n```ts\nexport { Shared } from '@x/a'\n```\n\n",
    'Used by the above, and not exported\n\n```ts\ninterface Hidden {\n    readonly said: string;\n}\n```\n',
  ])
})

it.runIf(isFullCampaign())(
  '--check fails when a declaration changes, and says where and what to do; a changed comment is not a change',
  async () => {
    const { report, write } = workspace(FILES)
    await report()
    write({ 'index.d.ts': FILES['index.d.ts'].replace('Says hello', 'Greets') })
    expect(await report('--check')).toMatchObject({ exitCode: 0, stdout: '' })
    write({ 'index.d.ts': FILES['index.d.ts'].replace('said: string', 'said: number') })
    const done = await report('--check')
    expect(done.exitCode).toBe(1)
    expect(done.stdout).toMatch(
      /^packages\/a\/api\.md is out of date, line \d+: " {4}readonly said: string;" is now " {4}readonly said: number;"\n.*pnpm generate:api/,
    )
  },
)

it('a package that is not built is an error that says so', async () => {
  const { report } = workspace({ 'index.d.ts': FILES['index.d.ts'] })
  const done = await report('--check')
  expect(done.exitCode).not.toBe(0)
  expect(done.stderr).toMatch(/sub\.d\.ts is missing: run pnpm build/)
})
