import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { asyncCleanups, privateDirectory, run } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'

const track = asyncCleanups()
const packageRoot = fileURLToPath(new URL('..', import.meta.url))

it('the example of the event log in the README runs unchanged', async () => {
  const readme = readFileSync(join(packageRoot, 'README.md'), 'utf8')
  const [, code = ''] = /^## The event log\n[\s\S]*?```js\n([\s\S]*?)```/m.exec(readme) ?? []
  const { path: location, remove } = privateDirectory()
  track(remove)
  mkdirSync(join(location, 'node_modules', '@iapeer'), { recursive: true })
  symlinkSync(packageRoot, join(location, 'node_modules', '@iapeer', 'lifecycle'))
  writeFileSync(join(location, 'example.mjs'), code)
  const done = await run(process.execPath, ['example.mjs', join(location, 'root')], { cwd: location })
  expect(done).toMatchObject({ exitCode: 0, stderr: '', stdout: '1 wake a message\ndaemon stopped\n' })
})
