import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { REPOSITORY } from '../src/workspace.ts'

it('the architecture describes each directory of lifecycle', () => {
  const page = readFileSync(join(REPOSITORY, 'docs', 'architecture.md'), 'utf8')
  const [, table = ''] = /^Each directory of lifecycle [\s\S]*?((?:^\|.*\n)+)/m.exec(page) ?? []
  const described = [...table.matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name)
  const directories = readdirSync(join(REPOSITORY, 'packages', 'lifecycle', 'src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
  expect(described.sort()).toEqual(directories.sort())
})
