import { join } from 'node:path'
import { run, serverAt } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { CANARY, directories, EXAMPLES, recordersFinished } from './support.ts'

const { newDirectory, track } = directories()

async function guarded() {
  const directory = newDirectory()
  const [socketPath, recordDir] = [join(directory, 's'), join(directory, 'records')]
  const states = join(recordDir, 'state', 'canary')
  track(() => recordersFinished(states))
  const env = { ...process.env, TMUX: '' }
  const example = (name: string, ...args: string[]) =>
    run(process.execPath, [join(EXAMPLES, 'guarded-server', name), ...args], { env })
  const started = await example('start.mjs', socketPath, recordDir)
  expect(started).toMatchObject({ exitCode: 0, stderr: '' })
  const state = JSON.parse(started.stdout)
  const server = serverAt(socketPath, state.pid)
  track(server.end)
  expect(await server.tmux('new-session', '-d')).toMatchObject({ exitCode: 0 })
  const deaths = async () => {
    await recordersFinished(states)
    const { stdout } = await run(process.execPath, [CANARY, 'deaths', '--record-dir', recordDir])
    return stdout
  }
  return { socketPath, recordDir, state, server, example, deaths }
}

it('a crash of the server that start.mjs started is recorded as one, by the guard that outlives start.mjs', async () => {
  const { state, server, deaths } = await guarded()
  expect(state).toMatchObject({
    mode: 'guard',
    guardPid: expect.any(Number),
    gen: expect.stringMatching(/^[0-9a-f]{16}$/),
  })
  server.kill('SIGSEGV')
  await server.gone()
  expect(await deaths()).toMatch(
    new RegExp(`^\\S+Z {2}work-main {2}crashed {2}/\\S+/work-main-${state.gen}\\.txt\\n$`),
  )
})

it('stop.mjs stops the server, and nothing is recorded', async () => {
  const { socketPath, recordDir, server, example, deaths } = await guarded()
  const done = await example('stop.mjs', socketPath, recordDir)
  expect(done).toMatchObject({ exitCode: 0, stdout: 'stopped, nothing recorded\n', stderr: '' })
  expect(server.alive()).toBe(false)
  expect(await deaths()).not.toContain('work-main')
  const again = await example('stop.mjs', socketPath, recordDir)
  expect(again).toMatchObject({ exitCode: 1, stderr: 'no guarded server to stop: none\n' })
})

it.each(['start.mjs', 'stop.mjs'])('%s without a socket is a wrong usage', async (name) => {
  const done = await run(process.execPath, [join(EXAMPLES, 'guarded-server', name)])
  expect(done).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/^usage: /) })
})
