import { spawn } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { recordLayout } from '@iapeer/core/paths'
import { formatProcessId, identifyProcess, readBoot } from '@iapeer/core/process'
import { run, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { generationInputs } from '../src/settle.ts'
import { findTmux, scriptEnv } from '../src/spawn.ts'
import { claimOf, deathOf, lifecycle, linesOf, recordOf, roots, type Watched } from './support.ts'

const newRoot = roots()
const assets = fileURLToPath(new URL('../assets', import.meta.url))

const SHELLS: readonly (readonly [string, ...string[]])[] = [
  ['/bin/dash'],
  ['/bin/bash', '--posix'],
  ['/bin/busybox', 'ash'],
  ['/bin/mksh'],
  ['/bin/ksh93'],
]
const present = SHELLS.filter(([file]) => existsSync(file))
const absent = SHELLS.filter(([file]) => !existsSync(file))
if (absent.length > 0)
  process.stderr.write(`skipped: not installed here: ${absent.map((shell) => shell.join(' ')).join(', ')}\n`)

/** Arms a watch whose script is run by a given shell. */
async function watchedBy(shell: readonly [string, ...string[]], path?: string): Promise<Watched> {
  const root = newRoot()
  const server = await root.server()
  const layout = recordLayout(root)
  for (const folder of [layout.deathsDir, layout.canaryDir, layout.intentDir])
    mkdirSync(folder, { recursive: true })
  const id = await identifyProcess(server.pid)
  if (id === undefined) throw new Error('no server')
  const generation = {
    identity: 'claude-bob',
    gen: '0123456789abcdef',
    server: id,
    boot: await readBoot(),
    recorder: undefined,
  }
  const inputs = {
    ...generationInputs(layout, generation, assets),
    IAPEER_SOCKET: server.socketPath,
    IAPEER_SOCKET_ID: '-',
    IAPEER_TMUX: findTmux(),
  }
  const env = { ...scriptEnv(inputs), ...(path === undefined ? {} : { PATH: path }) }
  const [file, ...args] = shell
  const recorder = spawn(file, [...args, join(assets, 'watch.sh')], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  })
  expect(await linesOf(recorder)('spawned')).toBe('spawned')
  expect(formatProcessId(id)).toMatch(/^\d+:\d+$/)
  return { root, identity: 'claude-bob', server, gen: generation.gen, recordDir: root.recordDir }
}

describe.each(present)('under %s %s', (...shell) => {
  const named = shell.filter((word): word is string => typeof word === 'string') as [string, ...string[]]

  it('a killed server is recorded, after its client was killed and replaced', async () => {
    const bob = await watchedBy(named)
    const before = recordOf(bob)?.client?.pid ?? 0
    process.kill(before, 'SIGKILL')
    await until('a new client', () => recordOf(bob)?.client?.pid !== before)
    await until('the log', () => lifecycle(bob.recordDir).some((line) => line['state'] === 'rearmed'))
    bob.server.kill('SIGKILL')
    expect(await deathOf(bob)).toMatchObject({ cause: 'server-vanished', wait_rc: '1' })
  })

  it('kill-server is recorded', async () => {
    const bob = await watchedBy(named)
    await bob.server.tmux('kill-server')
    expect(await deathOf(bob)).toMatchObject({ cause: 'signaled-server-gone', wait_rc: '0' })
  })
})

describe.skipIf(!existsSync('/bin/busybox'))('with no tools but those of busybox', () => {
  it('a killed server is recorded; the time has no milliseconds where `date` knows none', async () => {
    const root = newRoot()
    const bin = join(root.path, 'bin')
    mkdirSync(bin)
    await run('/bin/busybox', ['--install', '-s', bin])
    const bob = await watchedBy(['/bin/busybox', 'ash'], bin)
    bob.server.kill('SIGKILL')
    const line = await deathOf(bob)
    expect(line['ts']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/)
    expect(Math.abs(Date.parse(line['ts'] ?? '') - Date.now())).toBeLessThan(5_000)
    expect(claimOf(bob)).toMatch(/^rc=1,/)
  })
})
