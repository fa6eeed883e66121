import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { asyncCleanups, privateFolder, run } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'

const track = asyncCleanups()
const packageRoot = fileURLToPath(new URL('..', import.meta.url))

it('the example in the README runs as it stands', async () => {
  const readme = readFileSync(join(packageRoot, 'README.md'), 'utf8')
  const [, code = ''] = /```js\n([\s\S]*?)```/.exec(readme) ?? []
  const { path: place, remove } = privateFolder()
  track(remove)
  mkdirSync(join(place, 'node_modules', '@iapeer'), { recursive: true })
  symlinkSync(packageRoot, join(place, 'node_modules', '@iapeer', 'protocol'))
  writeFileSync(join(place, 'example.mjs'), code)
  const root = join(place, 'root')
  mkdirSync(join(root, 'run'), { recursive: true })
  const done = await run(process.execPath, ['example.mjs', root], { cwd: place })
  expect(done).toMatchObject({ exitCode: 0, stderr: '', stdout: 'undefined\n[]\n{ limit: 5 }\niapeerd\n' })
})
