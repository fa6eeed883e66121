import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { directories } from './support.ts'

const { directory } = directories()
const packageRoot = fileURLToPath(new URL('..', import.meta.url))
const readme = readFileSync(join(packageRoot, 'README.md'), 'utf8')
const examples = [...readme.matchAll(/^## (.*)\n(?:(?!^## )[\s\S])*?```js\n([\s\S]*?)```/gm)]
const outputs = new Map([
  ['Peers', /^bob .*\/peers\/bob\nnochnaya-smena /],
  ['Files that survive', /^ev=started\n/],
  ['Messages', /^envelope It says <\/iap>, and that is all right\.\n$/],
  ['Processes', /^alive\n$/],
])

describe('the README', () => {
  it('has its examples', () => {
    expect(examples.map(([, title]) => title)).toEqual([...outputs.keys()])
  })

  it.each(examples.map(([, title = '', code = '']) => [title, code]))(
    '%s: the example runs unchanged',
    async (title, code) => {
      const location = directory()
      mkdirSync(join(location, 'node_modules', '@iapeer'), { recursive: true })
      symlinkSync(packageRoot, join(location, 'node_modules', '@iapeer', 'core'))
      writeFileSync(join(location, 'example.mjs'), code)
      mkdirSync(join(location, 'data'))
      const done = await run(process.execPath, ['example.mjs', join(location, 'data')], { cwd: location })
      expect(done).toMatchObject({ exitCode: 0, stderr: '' })
      expect(done.stdout).toMatch(outputs.get(title) ?? /$^/)
    },
  )
})
