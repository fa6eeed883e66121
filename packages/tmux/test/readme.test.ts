import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run, until } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { exitLines, launches } from './support.ts'

const { newFolder } = launches()
const packageRoot = fileURLToPath(new URL('..', import.meta.url))

it('the example in the README runs as it stands', async () => {
  const [, code = ''] =
    /```js\n([\s\S]*?)```/.exec(readFileSync(join(packageRoot, 'README.md'), 'utf8')) ?? []
  const place = newFolder()
  mkdirSync(join(place, 'node_modules', '@iapeer'), { recursive: true })
  symlinkSync(packageRoot, join(place, 'node_modules', '@iapeer', 'tmux'))
  writeFileSync(join(place, 'example.mjs'), code)
  mkdirSync(join(place, 'd'))
  const done = await run(process.execPath, ['example.mjs', join(place, 'd')], { cwd: place })
  expect(done).toMatchObject({ exitCode: 0, stderr: '', stdout: 'alive command-demo\nended\n' })
  await until(
    'its guard to finish',
    async () => (await run('ls', [join(place, 'd', 'records', 'state', 'canary')])).stdout === '',
  )
  expect(exitLines(join(place, 'd', 'records'))).toEqual([])
})
