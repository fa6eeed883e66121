import { join } from 'node:path'
import { isFullCampaign, run, serverAt, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { judged, keepingHook, notificationTests } from './notification-support.ts'
import { roots } from './support.ts'

const newRoot = roots()
const { running, terminal, attached } = notificationTests()

async function daemonWithHook() {
  const { root, directory, up } = newRoot()
  const notified = keepingHook(root, directory)
  const { where } = await up({ IAPEER_TICK_SECS: '1' })
  const about = (name: string) => notified().filter(({ identity }) => identity === `command-${name}`)
  return { root, directory, where, about }
}

describe('a death that a person caused in the terminal of the peer is not sent', () => {
  it.runIf(isFullCampaign())(
    'by prefix x and y',
    async () => {
      const daemon = await daemonWithHook()
      const session = await running(daemon, 'bob')
      const outer = await attached(daemon.directory, session)
      await outer.tmux('send-keys', 'C-b', 'x')
      const screen = async () => (await outer.tmux('capture-pane', '-p')).stdout
      await until('the question', async () => /kill-pane/.test(await screen()))
      await outer.tmux('send-keys', 'y')
      await judged(daemon.root, 'command-bob')
      expect(daemon.about('bob')).toEqual([])
    },
    60_000,
  )

  it.runIf(isFullCampaign())(
    'by exit and by Ctrl-D in a shell',
    async () => {
      const daemon = await daemonWithHook()
      for (const [name, keys] of [
        ['bob', ['exit', 'Enter']],
        ['eva', ['C-d']],
      ] as const) {
        const session = await running(daemon, name, ['sh', '-i'])
        const outer = await attached(daemon.directory, session)
        await outer.tmux('send-keys', ...keys)
        await judged(daemon.root, `command-${name}`)
        expect(daemon.about(name)).toEqual([])
      }
    },
    60_000,
  )
})

describe('a death that no person caused in the terminal of the peer is sent', () => {
  it.runIf(isFullCampaign())(
    'by a script in another pane of its server, while a person is attached',
    async () => {
      const daemon = await daemonWithHook()
      const session = await running(daemon, 'bob')
      await attached(daemon.directory, session)
      const server = serverAt(session.socketPath, session.server.pid)
      await server.tmux(
        'split-window',
        '-t',
        session.paneId,
        `sleep 1; tmux kill-pane -t ${session.paneId}; sleep 5`,
      )
      await until('the notification', () => daemon.about('bob').length > 0, 30_000)
      expect(daemon.about('bob')).toMatchObject([
        { kind: 'death', next: expect.stringMatching(/^not restarted: /), deaths: [{ killer: {} }] },
      ])
    },
    60_000,
  )

  it.runIf(isFullCampaign())(
    'by a person in another terminal, while someone is attached',
    async () => {
      const daemon = await daemonWithHook()
      const session = await running(daemon, 'bob')
      await attached(daemon.directory, session)
      const elsewhere = await terminal(join(daemon.directory, 'elsewhere'), 'env -u TMUX sh -i')
      await elsewhere.tmux('send-keys', `tmux -S '${session.socketPath}' kill-server`, 'Enter')
      await until('the notification', () => daemon.about('bob').length > 0, 30_000)
      expect(daemon.about('bob')[0]?.summary).toContain('kill-server')
    },
    60_000,
  )

  it.runIf(isFullCampaign())(
    'by a program that controls tmux without a terminal',
    async () => {
      const daemon = await daemonWithHook()
      const session = await running(daemon, 'bob')
      const control = `(sleep 1; echo "kill-pane -t ${session.paneId}"; sleep 3) | tmux -S '${session.socketPath}' -C attach`
      await run('sh', ['-c', control], { env: { ...process.env, TMUX: '' } })
      await until('the notification', () => daemon.about('bob').length > 0, 30_000)
      expect(daemon.about('bob')).toHaveLength(1)
    },
    60_000,
  )

  it.runIf(isFullCampaign())(
    'by an error, with the last line on its screen and what follows',
    async () => {
      const daemon = await daemonWithHook()
      await running(daemon, 'bob', ['sh', '-c', 'echo "out of credits"; sleep 2; exit 3'])
      await until('the notification', () => daemon.about('bob').length > 0, 30_000)
      expect(daemon.about('bob')).toMatchObject([
        { lastLine: 'out of credits', next: 'not restarted: its restart policy does not ask for it' },
      ])
    },
    60_000,
  )
})
