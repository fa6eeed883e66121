import { existsSync, mkdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { recordLayout } from '@iapeer/core/paths'
import { formatProcessId } from '@iapeer/core/process'
import { until } from '@iapeer/dev/testing'
import { expect } from 'vitest'
import { GEN, IDENTITY, type ShellRecorder, startWatch, watchedBy } from './by-shell.ts'
import { drives, type TracedRoot } from './states.ts'
import { deathOf, exited, expectSilence, lifecycle, linesOf, recordOf } from './support.ts'

const KEY = `${IDENTITY}-${GEN}`
const DASH = ['/bin/sh'] as const
const { scenario, complete } = drives(['watch'])

const options = (traced: TracedRoot) => ({ root: traced.root, shell: DASH, prepare: traced.prepare })
const watched = (traced: TracedRoot): Promise<ShellRecorder> => watchedBy(options(traced))
/** A tmux that exits at once and names no server, like the client of an unresponsive server. */
const unwatched = (traced: TracedRoot): Promise<ShellRecorder> =>
  watchedBy({ ...options(traced), tmux: '/bin/false' })

function dismiss(of: ShellRecorder): void {
  const recorder = recordOf(of)?.recorder
  if (recorder === undefined) throw new Error('no recorder')
  writeFileSync(join(recordLayout(of).canaryDir, `${KEY}.dismiss`), `${formatProcessId(recorder)}\n`)
}

const killClient = (of: ShellRecorder): void => {
  const client = recordOf(of)?.client
  if (client === undefined) throw new Error('no client')
  process.kill(client.pid, 'SIGKILL')
}

scenario(
  ['watch arming armed', 'watch watching client-ended', 'watch looking server-gone'],
  'a killed server is recorded',
  async (traced) => {
    const bob = await watched(traced)
    bob.server.kill('SIGKILL')
    expect(await deathOf(bob)).toMatchObject({ cause: 'server-vanished', mode: 'watch' })
  },
)

scenario(
  ['watch watching client-ended', 'watch looking server-lives', 'watch replacing connected'],
  'a killed client is replaced while the server is running',
  async (traced) => {
    const bob = await watched(traced)
    killClient(bob)
    await traced.met('watch replacing connected')
    await until('the log', () => lifecycle(bob.recordDir).some((line) => line['state'] === 'rearmed'))
    bob.server.kill('SIGKILL')
    await deathOf(bob)
  },
)

scenario(['watch looking dismissed'], 'a dismissed watch exits when its client exits', async (traced) => {
  const bob = await watched(traced)
  dismiss(bob)
  killClient(bob)
  await expectSilence(bob)
})

scenario(
  [
    'watch watching no-client',
    'watch polling server-lives',
    'watch replacing unconnected',
    'watch polling server-gone',
  ],
  'without a client the process is polled',
  async (traced) => {
    const bob = await unwatched(traced)
    await traced.met('watch replacing unconnected')
    bob.server.kill('SIGKILL')
    expect(await deathOf(bob)).toMatchObject({ cause: 'server-vanished', wait_rc: 'unknown' })
  },
)

scenario(['watch polling dismissed'], 'a dismissed watch without a client exits too', async (traced) => {
  const bob = await unwatched(traced)
  dismiss(bob)
  await expectSilence(bob)
})

scenario(['watch arming held'], 'a generation has one recorder', async (traced) => {
  const bob = await watched(traced)
  const second = await startWatch(options(traced), bob.server)
  await linesOf(second)('already')
  await exited(second)
  expect(second.exitCode).toBe(0)
  bob.server.kill('SIGKILL')
  await deathOf(bob)
})

scenario(['watch arming tool-missing'], 'without its tools it reports the tool and exits', async (traced) => {
  const bin = join(traced.root.path, 'bin')
  mkdirSync(bin)
  const server = await traced.root.server()
  const recorder = await startWatch({ ...options(traced), path: bin }, server)
  expect(await linesOf(recorder)('failed ')).toMatch(/^failed cannot find date in /)
  await exited(recorder)
  expect(recorder.exitCode).toBe(1)
})

scenario(
  ['watch arming unwritable'],
  'without a writable directory it reports the directory and exits',
  async (traced) => {
    const { canaryDir } = recordLayout(traced.root)
    const server = await traced.root.server()
    const prepare = (lib: string): void => {
      traced.prepare(lib)
      rmdirSync(canaryDir)
      writeFileSync(canaryDir, '')
      traced.root.track(() => rmSync(canaryDir, { force: true }))
    }
    const recorder = await startWatch({ ...options(traced), prepare }, server)
    expect(await linesOf(recorder)('failed ')).toBe(`failed cannot write in ${canaryDir}`)
    await exited(recorder)
    expect(recorder.exitCode).toBe(1)
    rmSync(canaryDir)
  },
)

scenario(['watch arming server-gone'], 'a dead server is not watched', async (traced) => {
  const server = await traced.root.server()
  server.kill('SIGKILL')
  await server.gone()
  const recorder = await startWatch(options(traced), server)
  expect(await linesOf(recorder)('failed ')).toBe('failed the server exited before the watch was set up')
  await exited(recorder)
  expect(recorder.exitCode).toBe(1)
  expect(existsSync(join(recordLayout(traced.root).canaryDir, KEY))).toBe(false)
})

complete()
