import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { campaignCases, isFullCampaign, mayMount, serverAt, smallDisk, until } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { judged, keepingHook, notificationTests } from './notification-support.ts'
import { ask, roots } from './support.ts'

const newRoot = roots()
const { track, webhook, running } = notificationTests()

it.runIf(mayMount).each(
  campaignCases([
    ['with the outbox', ['state', 'lifecycle'], false],
    ['with the records alone', ['logs', 'iapeer'], true],
  ] as const),
)(
  'a full disk %s is notified once, and what follows is notified as always',
  async (_what, where, hasOutbox) => {
    const { root, up } = newRoot()
    const full = join(root, ...where)
    mkdirSync(dirname(full), { recursive: true, mode: 0o700 })
    const disk = await smallDisk(full, 16)
    track(disk.remove)
    const states = join(root, 'state', 'canary')
    track(() => until('the guards to finish', () => !existsSync(states) || readdirSync(states).length === 0))
    const { url, got } = await webhook()
    const daemon = await up({ IAPEER_TICK_SECS: '0.5', IAPEER_WEBHOOK_URL: url, IAPEER_NOTIFY_KINDS: 'all' })
    const ticks = async (): Promise<number> =>
      JSON.parse((await ask(daemon.where, '/healthz')).text).supervisor.tick.count
    const { socketPath, server } = await running({ root, where: daemon.where }, 'bob')
    const peer = serverAt(socketPath, server.pid)
    track(peer.end)
    // Stopped: else the daemon may write the notification while there is space for it.
    process.kill(daemon.pid, 'SIGSTOP')
    const freeSpace = disk.fill()
    process.kill(daemon.pid, 'SIGCONT')
    const about = () => got.filter(({ id }) => id.startsWith('daemon-problem-disk'))
    await until('the notification', () => about().length > 0, 15_000)
    expect(about()[0]?.summary).toMatch(/^the daemon: only 0 MB free/)
    const before = await ticks()
    await until('five more ticks', async () => (await ticks()) >= before + 5, 15_000)
    expect(about()).toHaveLength(1)
    const notified = readFileSync(join(root, 'state', 'lifecycle', 'notified.json'), 'utf8')
    expect(notified.includes('daemon-problem-disk')).toBe(hasOutbox)
    freeSpace()
    const isOver = () => got.some(({ kind, summary }) => kind === 'recovered' && /0 MB free/.test(summary))
    await until('the end of it', isOver, 15_000)
    peer.kill('SIGKILL')
    await until('the death', () => got.some(({ kind }) => kind === 'death'), 25_000)
    await judged(root, 'command-bob')
    expect(got.filter(({ kind }) => kind === 'death')).toHaveLength(1)
    expect(about()).toHaveLength(1)
    expect(await daemon.end()).toBe(0)
  },
  90_000,
)

it.runIf(isFullCampaign())(
  'a channel that cannot be reached is in the health with its host and the reason, until it works again',
  async () => {
    const { root, up } = newRoot()
    const { url, got, answer } = await webhook()
    answer.status = 404
    const daemon = await up({ IAPEER_TICK_SECS: '0.5', IAPEER_WEBHOOK_URL: `${url}hunter2hunter2` })
    for (const name of ['bob', 'eva']) {
      const session = await running({ root, where: daemon.where }, name)
      serverAt(session.socketPath, session.server.pid).kill('SIGKILL')
      await until('the delivery', () => got.length > (name === 'bob' ? 0 : 1), 25_000)
      const text = await until('its result', async () => {
        const health = await ask(daemon.where, '/healthz')
        return (name === 'bob' ? /"failure"/ : /"deliveredAt"/).test(health.text) && health.text
      })
      expect(text).not.toContain('hunter2')
      const host = new URL(url).host
      expect(JSON.parse(text).notifications).toMatchObject([
        { name: 'webhook', failure: { why: `the webhook at ${host} answered 404` } },
      ])
      answer.status = 204
    }
  },
  60_000,
)

it.runIf(isFullCampaign())(
  'a config.toml that breaks while the daemon runs is a problem, without its content, and the former settings stay',
  async () => {
    const { root, directory, up } = newRoot()
    const notified = keepingHook(root, directory)
    const path = join(root, 'config.toml')
    writeFileSync(path, '[notify]\nkinds = "all"\n\n[daemon]\ntick_secs = 0.5\n', { mode: 0o600 })
    const daemon = await up()
    const problems = async () => JSON.parse((await ask(daemon.where, '/healthz')).text).problems
    expect(await problems()).toEqual([])
    writeFileSync(path, '[notify]\nkinds = "gave-up"\nwebhook_url = "https://example.org/hunter2hunter2\n')
    const [problem] = await until('the problem', async () => (await problems()).length > 0 && problems())
    expect(problem).toMatchObject({ id: 'config', what: expect.stringContaining(`${path}:3:`) })
    const [first] = await until('the notification', () => notified().length > 0 && notified())
    expect(first).toMatchObject({
      kind: 'daemon-problem',
      summary: expect.stringContaining('config.toml is not applied'),
    })
    expect(JSON.stringify([problem, notified()])).not.toContain('hunter2')
    await running({ root, where: daemon.where }, 'bob', ['sleep', '2'])
    await judged(root, 'command-bob')
    // Only `all` sends an exit with code 0.
    await until('the death', () => notified().some(({ kind }) => kind === 'death'))
    writeFileSync(path, '[notify]\nkinds = "all"\n\n[daemon]\ntick_secs = 0.5\n')
    await until('the end of it', () =>
      notified().some(({ kind, summary }) => kind === 'recovered' && /config/.test(summary)),
    )
    expect(await problems()).toEqual([])
  },
  60_000,
)
