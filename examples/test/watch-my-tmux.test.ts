import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { run, startServer, until } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { CANARY, directories, EXAMPLES, recordersFinished } from './support.ts'

const { newDirectory, track } = directories()

async function watched() {
  const directory = newDirectory()
  const recordDir = join(directory, 'records')
  track(() => recordersFinished(join(recordDir, 'state', 'canary')))
  const server = await startServer(join(directory, 's'))
  track(server.end)
  return { recordDir, server }
}

it('watch.mjs prints the death of a server that is killed while it runs', async () => {
  const { recordDir, server } = await watched()
  const args = [join(EXAMPLES, 'watch-my-tmux', 'watch.mjs'), server.socketPath, recordDir]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  track(() => child.kill('SIGKILL'))
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  await until('the watch', () => text.includes(`tmux server ${server.pid}\n`))
  const exited = once(child, 'exit')
  server.kill('SIGKILL')
  expect(await exited).toEqual([0, null])
  expect(text).toMatch(
    /^watching (\S+): tmux server \d+\n\1 died at \S+Z: server-vanished\n\/.*\/server-deaths\/\1-[0-9a-f]{16}\.txt\n$/,
  )
})

it('watch.mjs fails, with the reason, where no server runs', async () => {
  const directory = newDirectory()
  const args = [
    join(EXAMPLES, 'watch-my-tmux', 'watch.mjs'),
    join(directory, 's'),
    join(directory, 'records'),
  ]
  const done = await run(process.execPath, args)
  expect(done).toMatchObject({ exitCode: 1, stdout: '' })
  expect(done.stderr).toMatch(/^\/\S+\/s is not watched: .+\n$/)
})

it('the command watches and prints the same', async () => {
  const { recordDir, server } = await watched()
  const canary = (...args: string[]) => run(process.execPath, [CANARY, ...args, '--record-dir', recordDir])
  expect((await canary('watch', server.socketPath)).stdout).toContain(`tmux server ${server.pid}`)
  server.kill('SIGKILL')
  await recordersFinished(join(recordDir, 'state', 'canary'))
  expect((await canary('deaths')).stdout).toMatch(/^\S+Z {2}\S+ {2}server-vanished {2}\/\S+\.txt\n$/)
})
