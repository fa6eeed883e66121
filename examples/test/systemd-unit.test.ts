import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { run, serverAt, until } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { directories, EXAMPLES, installed, recordersFinished } from './support.ts'

const NAME = 'iapeer-peer@.service'
const UNIT = readFileSync(join(EXAMPLES, 'systemd-unit', NAME), 'utf8')
const { newDirectory, track } = directories()

function hasProgram(name: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, name), constants.X_OK)
      return true
    } catch {
      // Not in this directory.
      return false
    }
  })
}

it.skipIf(!hasProgram('systemd-analyze'))(
  'systemd finds no fault in the unit, and one in a unit that has one',
  async () => {
    const directory = newDirectory()
    const unit = join(directory, 'iapeer-peer@bob.service')
    copyFileSync(join(EXAMPLES, 'systemd-unit', NAME), unit)
    const env = { ...process.env, XDG_RUNTIME_DIR: directory, HOME: directory }
    const verify = (path: string) => run('systemd-analyze', ['--user', '--man=no', 'verify', path], { env })
    expect(await verify(unit)).toMatchObject({ exitCode: 0, stderr: '' })
    writeFileSync(unit, UNIT.replace('/usr/bin/env', '/nowhere/env'))
    expect((await verify(unit)).stderr).toContain('/nowhere/env')
  },
)

/** Runs the program of the unit as systemd would, for the peer bob. */
async function service() {
  const { root, iapeer, env } = installed(newDirectory())
  track(() => recordersFinished(join(root, 'state', 'canary')))
  expect((await iapeer('create', 'bob', '--', 'sleep', '1000')).exitCode).toBe(0)
  const [, line = ''] = /^ExecStart=(.+)$/m.exec(UNIT) ?? []
  const [file = '', ...args] = line.replaceAll('%i', 'bob').split(' ')
  const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  track(() => child.kill('SIGKILL'))
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  const exited = once(child, 'exit')
  await until('the peer', () => text.includes('bob is running'), 20_000)
  const peer = JSON.parse((await iapeer('list', '--json')).stdout.split('\n')[0] ?? '')
  const server = serverAt(peer.socketPath, peer.serverPid)
  track(server.end)
  return { iapeer, child, exited, server }
}

it('a stop of the unit stops the peer: exit code 0, and no record', async () => {
  const { iapeer, child, exited, server } = await service()
  child.kill('SIGTERM')
  expect(await exited).toEqual([0, null])
  expect(server.alive()).toBe(false)
  expect((await iapeer('deaths', '--json')).stdout).toBe('')
})

it('a peer that dies ends the service with exit code 1, so that systemd starts it again', async () => {
  const { iapeer, exited, server } = await service()
  server.kill('SIGKILL')
  expect(await exited).toEqual([1, null])
  expect(JSON.parse((await iapeer('deaths', '--json')).stdout)).toMatchObject({
    identity: 'command-bob',
    cause: 'killed',
  })
  expect(UNIT).toMatch(/^Restart=on-failure$/m)
})
