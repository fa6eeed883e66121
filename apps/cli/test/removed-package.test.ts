import { spawn } from 'node:child_process'
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { asyncCleanups, isFullCampaign, until } from '@iapeer/dev/testing'
import { listSessions } from '@iapeer/lifecycle/sessions'
import { expect, it } from 'vitest'
import { type Home, homes, MAIN } from './support.ts'

const newHome = homes()
const track = asyncCleanups()

/** Starts a command from a copy of its package; returns what it has printed, and its exit code. */
function startCopy(home: Home, directory: string, words: readonly string[]) {
  const child = spawn(process.execPath, [join(directory, 'dist', 'main.js'), ...words], {
    env: { ...home.env, IAPEER_DAEMON_AUTOSTART: 'off' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  track(() => child.kill('SIGKILL'))
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  return { text: () => text, exited, kill: (signal: NodeJS.Signals) => child.kill(signal) }
}

it.runIf(isFullCampaign())(
  'run and deaths --follow go on when their package is removed',
  async () => {
    const home = newHome()
    const directory = join(home.path, 'package')
    for (const name of ['dist', 'package.json'])
      cpSync(join(MAIN, '..', '..', name), join(directory, name), { recursive: true })
    for (const name of ['ann', 'bob']) await home.iapeer('create', name, '--', 'sleep', '1000')
    const ann = startCopy(home, directory, ['run', 'ann'])
    const bob = startCopy(home, directory, ['run', 'bob'])
    const follower = startCopy(home, directory, ['deaths', '--follow'])
    for (const one of [ann, bob]) await until('the peer', () => one.text().includes('is running'))
    await until('the follower', () => follower.text().includes('no deaths so far'))
    rmSync(directory, { recursive: true })

    const sessionOfBob = async () =>
      (await listSessions(home.root)).find(({ identity }) => identity === 'command-bob')
    const { leader } = (await sessionOfBob()) ?? {}
    if (leader === undefined) throw new Error('bob is not running')
    process.kill(leader.pid, 'SIGKILL')
    expect(await bob.exited).toBe(1)
    await until('the death', () => follower.text().includes('command-bob'))
    // The follower settles what has ended, as no daemon runs.
    await until('the end of the session', async () => (await sessionOfBob()) === undefined, 15_000)
    ann.kill('SIGTERM')
    expect(await ann.exited).toBe(0)
    follower.kill('SIGINT')
    expect([await follower.exited, follower.text()]).toEqual([130, expect.not.stringContaining('iapeer:')])
  },
  60_000,
)
