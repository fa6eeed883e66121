import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { listCanaries } from '@iapeer/canary'
import { run, serverAt, until } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { exitLines, launches } from './support.ts'

const { newDirectory, track } = launches()
const packageRoot = fileURLToPath(new URL('..', import.meta.url))

it('the example in the README runs', async () => {
  const [, code = ''] =
    /```js\n([\s\S]*?)```/.exec(readFileSync(join(packageRoot, 'README.md'), 'utf8')) ?? []
  const location = newDirectory()
  mkdirSync(join(location, 'node_modules', '@iapeer'), { recursive: true })
  symlinkSync(packageRoot, join(location, 'node_modules', '@iapeer', 'tmux'))
  symlinkSync(join(packageRoot, '../canary'), join(location, 'node_modules', '@iapeer', 'canary'))
  writeFileSync(join(location, 'example.mjs'), code)
  mkdirSync(join(location, 'd'))
  track(async () => {
    // An example that fails does not reach its teardown.
    const where = { recordDir: join(location, 'd', 'records') }
    for (const { socketPath, serverPid } of await listCanaries(where))
      await serverAt(socketPath, serverPid).end()
  })
  const done = await run(process.execPath, ['example.mjs', join(location, 'd')], { cwd: location })
  expect(done).toMatchObject({ exitCode: 0, stderr: '', stdout: 'alive command-demo\nended\n' })
  await until(
    'its guard to finish',
    async () => (await run('ls', [join(location, 'd', 'records', 'state', 'canary')])).stdout === '',
  )
  expect(exitLines(join(location, 'd', 'records'))).toEqual([])
})
