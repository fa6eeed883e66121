import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { asyncCleanups, privateFolder, run } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'

const track = asyncCleanups()
const packageRoot = fileURLToPath(new URL('..', import.meta.url))

it('the example of the event log in the README runs as it stands', async () => {
  const readme = readFileSync(join(packageRoot, 'README.md'), 'utf8')
  const [, code = ''] = /^## The event log\n[\s\S]*?```js\n([\s\S]*?)```/m.exec(readme) ?? []
  const { path: place, remove } = privateFolder()
  track(remove)
  mkdirSync(join(place, 'node_modules', '@iapeer'), { recursive: true })
  symlinkSync(packageRoot, join(place, 'node_modules', '@iapeer', 'lifecycle'))
  writeFileSync(join(place, 'example.mjs'), code)
  const done = await run(process.execPath, ['example.mjs', join(place, 'root')], { cwd: place })
  expect(done).toMatchObject({ exitCode: 0, stderr: '', stdout: '1 wake a message\ndaemon stopped\n' })
})
