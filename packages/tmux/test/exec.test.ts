import { ensureCanary } from '@iapeer/canary'
import { runProgram } from '@iapeer/core/exec'
import { asyncCleanups, privateDirectory, run, startServer } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { runTmux } from '../src/index.ts'

const track = asyncCleanups()

async function server() {
  const directory = privateDirectory()
  track(directory.remove)
  const started = await startServer(`${directory.path}/s`)
  track(started.end)
  return started
}

it('a failure of a tmux command is returned, not thrown', async () => {
  const { socketPath, pid } = await server()
  expect(await runTmux({ socketPath, args: ['display-message', '-p', '#{pid}'] })).toEqual({
    exitCode: 0,
    signal: undefined,
    timedOut: false,
    canceled: false,
    stdout: String(pid),
    stderr: '',
  })
  const refused = await runTmux({ socketPath, args: ['no-such-command'] })
  expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('unknown command') })
})

it('programs run even if the last file that was examined is a socket', async () => {
  const { socketPath } = await server()
  const module = new URL('../../core/dist/exec.js', import.meta.url).pathname
  const script = `
    import { lstatSync } from 'node:fs'
    import { runProgram } from '${module}'
    lstatSync('${socketPath}')
    console.log((await runProgram(['true'])).exitCode)`
  const done = await run(process.execPath, ['--input-type=module', '--eval', script])
  expect(done).toMatchObject({ stdout: '0\n', stderr: '' })
})

it('arguments reach tmux unchanged, without a shell', async () => {
  const { socketPath } = await server()
  const odd = 'a b "c" \'d\' $HOME `id` \\ ü'
  await runTmux({ socketPath, args: ['set-buffer', odd] })
  expect((await runTmux({ socketPath, args: ['show-buffer'] })).stdout).toBe(odd)
})

it('a call to a stopped server times out', async () => {
  const { socketPath, stop } = await server()
  await stop()
  expect(await runTmux({ socketPath, args: ['list-sessions'], timeoutMs: 200 })).toMatchObject({
    timedOut: true,
    exitCode: undefined,
  })
})

it('a call can be cancelled', async () => {
  const { socketPath, stop } = await server()
  await stop()
  expect(
    await runTmux({ socketPath, args: ['list-sessions'], signal: AbortSignal.timeout(100) }),
  ).toMatchObject({ canceled: true })
})

it('a missing tmux is an error with a code and a hint', async () => {
  await expect(runTmux({ socketPath: '/tmp/none', args: [], tmux: '/nowhere/tmux' })).rejects.toMatchObject({
    code: 'tmux-missing',
    hint: expect.stringContaining('Install tmux'),
  })
})

it('the canary can be imported beside it', () => {
  expect(ensureCanary).toBeTypeOf('function')
})

it('any program: its exit code is returned, and the time limit kills it', async () => {
  const env = { PATH: '/usr/bin:/bin', WORD: 'a "b" $c' }
  expect(await runProgram(['sh', '-c', 'echo "$WORD"; echo no >&2; exit 7'], { env })).toEqual({
    exitCode: 7,
    signal: undefined,
    timedOut: false,
    missing: false,
    stdout: 'a "b" $c',
    stderr: 'no',
  })
  expect(await runProgram(['no-such-program'], { env })).toMatchObject({ missing: true, exitCode: undefined })
  expect(await runProgram(['systemctl'], { env: { PATH: '/nowhere' } })).toMatchObject({ missing: true })
  expect(await runProgram(['sleep', '100'], { env, timeoutMs: 50 })).toMatchObject({
    timedOut: true,
    signal: 'SIGKILL',
  })
})
