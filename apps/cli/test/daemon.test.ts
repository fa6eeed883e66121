import { connectDaemon, stopDaemon } from '@iapeer/lifecycle'
import { afterEach, describe, expect, it } from 'vitest'
import { type Home, homes } from './support.ts'

const newHome = homes()
const roots: string[] = []
afterEach(async () => {
  for (const root of roots.splice(0)) await stopDaemon(root)
})

function homeWithDaemon(): Home {
  const home = newHome()
  roots.push(home.root)
  return home
}

describe('iapeer daemon', () => {
  it('starts it, says how it is, shows its log and stops it, each harmless to repeat', async () => {
    const { iapeer, root } = homeWithDaemon()
    expect(await iapeer('daemon', 'status')).toMatchObject({
      exitCode: 3,
      stdout: '✕ the daemon is not running\n  iapeer daemon start\n',
    })
    expect(await iapeer('daemon', 'stop')).toMatchObject({
      exitCode: 0,
      stdout: '✕ the daemon was not running\n',
    })
    expect((await iapeer('daemon', 'logs')).exitCode).toBe(3)
    const started = await iapeer('daemon', 'start', '--json')
    expect(started).toMatchObject({ exitCode: 0, stderr: '' })
    const { pid } = JSON.parse(started.stdout)
    expect(JSON.parse(started.stdout)).toMatchObject({ schemaVersion: 1, state: 'started', version: '0.1.0' })
    expect((await iapeer('daemon', 'start')).stdout).toBe(`● the daemon is up already: pid ${pid}\n`)
    expect(JSON.parse((await iapeer('daemon', 'status', '--json')).stdout)).toMatchObject({
      state: 'running',
      pid,
      since: expect.stringMatching(/Z$/),
      socketPath: `${root}/run/iapeerd.sock`,
    })
    expect((await iapeer('daemon', 'status')).stdout).toMatch(
      new RegExp(`^● the daemon is up: pid ${pid}, since `),
    )
    expect((await iapeer('daemon', 'stop')).stdout).toBe(
      `✕ the daemon (pid ${pid}) is stopped; its peers live on\n`,
    )
    expect((await iapeer('daemon', 'logs')).stdout).toMatch(
      /^[\d-]{10} [\d:]{8} {2}iapeerd is up {2}version=.*\n.*iapeerd ends; peers live on {2}why=SIGTERM\n$/,
    )
    const [first = ''] = (await iapeer('daemon', 'logs', '--json')).stdout.split('\n')
    expect(JSON.parse(first)).toMatchObject({ msg: 'iapeerd is up', pid })
    expect((await iapeer('daemon', 'status')).exitCode).toBe(3)
  })

  it.each([[['daemon']], [['daemon', 'restart']], [['daemon', 'start', 'now']], [['daemon', 'start', '-x']]])(
    '%j is a wrong usage',
    async (args) => {
      expect((await newHome().iapeer(...args)).exitCode).toBe(2)
    },
  )
})

describe('with a daemon and without one', () => {
  /** What differs from one launch to the next. */
  const general = (text: string): string =>
    text
      .replace(/pid \d+/g, 'pid N')
      .replace(/"(serverPid|leaderPid|ms)":\d+/g, '"$1":0')
      .replace(/"(gen|startedAt)":"[^"]+"/g, '"$1":""')

  const COMMANDS = [
    ['start', 'bob', '--json'],
    ['start', 'bob'],
    ['start', 'command-bob', '--timeout', '5', '--runtime', 'command', '--json'],
    ['new', 'bob', '--timeout', '1'],
    ['new', 'bob', '--json'],
    ['stop', 'bob', '--force', '--json'],
    ['stop', 'bob', '--json'],
    ['stop', 'bob'],
    ['start', 'nobody'],
    ['start', ''],
    ['stop', '../x'],
    ['start', 'Bob'],
    ['start', 'bob', '--runtime', 'codex'],
    ['start', 'bob', '--runtime', 'a-b'],
    ['start', 'odd'],
    ['start', 'brief'],
    ['new', 'odd'],
    ['start', 'ann'],
  ] as const

  it('start, stop and new say the same, on both outputs, with the same exit code', async () => {
    const said: string[][] = []
    for (const kind of ['library', 'daemon'] as const) {
      const home = homeWithDaemon()
      await home.iapeer('create', 'bob', '--', 'sleep', '1000')
      await home.iapeer('create', 'odd', '--', 'no-such-program')
      await home.iapeer('create', 'brief', '--', 'sh', '-c', 'echo no licence; sleep 0.05; exit 3')
      await home.iapeer('create', 'ann')
      if (kind === 'daemon') await home.iapeer('daemon', 'start')
      const lines: string[] = []
      for (const args of COMMANDS) {
        const { exitCode, stdout, stderr } = await home.iapeer(...args)
        lines.push(general(`${args.join(' ')}: ${exitCode}\n${stdout}${stderr}`))
      }
      if (kind === 'daemon') expect(await connectDaemon(home.root)).toBeDefined()
      said.push(lines)
    }
    expect(said[1]).toEqual(said[0])
  }, 90_000)

  it('a daemon that hangs is in nobody’s way', async () => {
    const { iapeer } = homeWithDaemon()
    await iapeer('create', 'bob', '--', 'sleep', '1000')
    const { pid } = JSON.parse((await iapeer('daemon', 'start', '--json')).stdout)
    process.kill(pid, 'SIGSTOP')
    try {
      expect(await iapeer('start', 'bob')).toMatchObject({ exitCode: 0, stderr: '' })
      expect(await iapeer('daemon', 'status')).toMatchObject({
        exitCode: 5,
        stdout: expect.stringMatching(/^! the daemon does not answer: pid \d+/),
      })
    } finally {
      process.kill(pid, 'SIGCONT')
    }
  })
})
