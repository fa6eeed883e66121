import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { asyncCleanups, privateDirectory, run } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'

const track = asyncCleanups()
const packageRoot = fileURLToPath(new URL('..', import.meta.url))

it('the example in the README runs as written', async () => {
  const readme = readFileSync(join(packageRoot, 'README.md'), 'utf8')
  const [, code = ''] = /```js\n([\s\S]*?)```/.exec(readme) ?? []
  const { path: location, remove } = privateDirectory()
  track(remove)
  mkdirSync(join(location, 'node_modules', '@iapeer'), { recursive: true })
  symlinkSync(packageRoot, join(location, 'node_modules', '@iapeer', 'protocol'))
  writeFileSync(join(location, 'example.mjs'), code)
  const root = join(location, 'root')
  mkdirSync(join(root, 'run'), { recursive: true })
  const done = await run(process.execPath, ['example.mjs', root], { cwd: location })
  expect(done).toMatchObject({ exitCode: 0, stderr: '', stdout: 'undefined\n[]\n{ limit: 5 }\niapeerd\n' })
})
