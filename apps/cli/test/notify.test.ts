import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { asyncCleanups, isFullCampaign, run, until } from '@iapeer/dev/testing'
import { listSessions } from '@iapeer/lifecycle/sessions'
import { expect, it } from 'vitest'
import { type Home, homes, jsonLines, MAIN } from './support.ts'

const newHome = homes()
const track = asyncCleanups()

/** Starts a server on loopback that answers with a status, and keeps the paths and bodies of its requests. */
async function service(
  status: number,
  text: string,
): Promise<{ readonly url: string; readonly got: string[] }> {
  const got: string[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk
    })
    request.on('end', () => {
      got.push(`${request.url} ${body}`)
      response.writeHead(status).end(text)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  track(() => new Promise((resolve) => server.close(resolve)))
  const address = server.address()
  return { url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`, got }
}

it('notify test sends a sample to each channel and prints the answer, without the address', async () => {
  const good = await service(200, 'ok')
  const bad = await service(403, 'invalid_token hunter2hunter2')
  const home = newHome()
  const urls = { IAPEER_NOTIFY_URLS: `ntfy+${good.url}/topic slack+${bad.url}/services/hunter2hunter2` }
  const all = await home.iapeerWith(urls, 'notify', 'test')
  expect(all.exitCode).toBe(1)
  expect(all.stdout).toBe(
    `✓ ntfy  ${good.url}/… (ntfy)\n  delivered: ntfy at ${new URL(good.url).host} answered 200\n` +
      `✕ slack  ${bad.url}/… (slack)\n  not delivered: slack at ${new URL(bad.url).host} answered 403: invalid_token ***\n`,
  )
  expect(good.got).toHaveLength(1)
  expect(good.got[0]).toMatch(/^\/ .*"topic":"topic".*nothing has died/)
  const one = await home.iapeerWith(urls, 'notify', 'test', 'ntfy', '--json')
  expect([one.exitCode, jsonLines(one.stdout)[0]]).toMatchObject([
    0,
    { results: [{ name: 'ntfy', ok: true, answer: `ntfy at ${new URL(good.url).host} answered 200` }] },
  ])
  expect(bad.got).toHaveLength(1)
  const unknown = await home.iapeerWith(urls, 'notify', 'test', 'pager')
  expect([unknown.exitCode, unknown.stderr]).toEqual([
    2,
    expect.stringContaining('no channel is named "pager": there are ntfy, slack'),
  ])
})

it.runIf(isFullCampaign())(
  'notify list says where notifications go, what is sent, and that none is sent without a channel',
  async () => {
    const home = newHome()
    expect((await home.iapeer('notify', 'list')).stdout).toMatch(
      /^No daemon is running, so no notification is sent.*\n○ none is set up\n[\s\S]*notify\.urls[\s\S]*Notified: death-not-restarted, gave-up, incident, blocked, mute, daemon-problem\nNot notified: death, restarted, recovered [^\n]*\nNever notified: [^\n]*\n$/,
    )
    const alone = await home.iapeer('notify')
    expect([alone.exitCode, alone.stdout]).toEqual([0, (await home.iapeer('notify', 'list')).stdout])
    expect((await home.iapeer('notify', 'tset')).stderr).toContain('Did you mean test?')
    expect(await home.iapeer('notify', 'test')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('iapeer config set notify.urls'),
    })
    mkdirSync(join(home.root, 'hooks'), { recursive: true })
    writeFileSync(join(home.root, 'hooks', 'on-death'), '#!/bin/sh\nexit 0\n', { mode: 0o700 })
    expect((await home.iapeer('notify', 'list')).stdout).toContain(`● hook  ${home.root}/hooks/on-death`)
    await home.iapeer('daemon', 'start')
    expect((await home.iapeer('daemon', 'status')).stdout).toContain('notifications go to hook: ')
    expect((await home.iapeer('doctor')).stdout).toMatch(/notifications go to hook: /)
    expect((await home.iapeer('notify', 'list')).stdout).toContain('the channels of the running daemon')
    await home.iapeer('daemon', 'stop')
  },
)

const RECIPES = [
  ...readFileSync(new URL('../../../docs/notifications.md', import.meta.url), 'utf8').matchAll(
    /^```sh tested\n([\s\S]*?)^```$/gm,
  ),
].map(([, text = '']) => text)

it('the commands of docs/notifications.md are accepted, and their channels have the stated formats', async () => {
  const home = newHome()
  const commands = RECIPES.flatMap((text) => text.split('\n')).filter((line) => line.startsWith('iapeer '))
  expect(commands.length).toBeGreaterThanOrEqual(6)
  const formats: string[] = []
  for (const command of commands) {
    const own = `${process.execPath} ${MAIN} ${command.slice('iapeer '.length)}`
    const { exitCode, stderr } = await run('sh', ['-c', own], { env: home.env })
    expect([command, exitCode, stderr]).toEqual([command, 0, ''])
    if (!command.includes('notify.urls')) continue
    const listed = jsonLines((await home.iapeer('notify', 'list', '--json')).stdout)[0]
    formats.push(/\((\w+)\)/.exec(JSON.stringify(listed?.['channels']))?.[1] ?? '')
  }
  expect(formats).toEqual(['ntfy', 'ntfy', 'ntfy', 'slack', 'discord', 'telegram'])
}, 60_000)

const hasJq = (process.env['PATH'] ?? '').split(':').some((directory) => existsSync(join(directory, 'jq')))

it.runIf(hasJq)('the hook of docs/notifications.md writes a line', async () => {
  const home = newHome()
  const script = RECIPES.find((text) => text.startsWith('#!/bin/sh'))
  mkdirSync(join(home.root, 'hooks'), { recursive: true })
  writeFileSync(join(home.root, 'hooks', 'on-death'), script ?? '', { mode: 0o700 })
  const tested = await home.iapeerWith({ HOME: home.path }, 'notify', 'test', 'hook')
  expect([tested.exitCode, tested.stderr]).toEqual([0, ''])
  expect(readFileSync(join(home.path, 'iapeer-notifications.log'), 'utf8')).toBe(
    'death: command-sample: this is a test of iapeer notify; nothing has died nothing to do\n',
  )
})

it.runIf(isFullCampaign())('a bad address is refused by config set, and without showing it', async () => {
  const home = newHome()
  for (const [key, value] of [
    ['notify.urls', 'notaurl-hunter2'],
    ['notify.urls', 'https://ntfy.sh/'],
    ['notify.webhook_url', 'hunter2.example.com/x'],
    ['notify.webhook_url', 'https://api.telegram.org/hunter2'],
    ['notify.webhook_url', 'ftp://example.com/hunter2'],
  ] as const) {
    const { exitCode, stdout, stderr } = await home.iapeer('config', 'set', key, value)
    expect([key, exitCode, stderr]).toEqual([key, 2, expect.stringContaining(`invalid ${key}: expected `)])
    expect(stdout + stderr).not.toContain('hunter2')
  }
  expect(existsSync(join(home.root, 'config.toml'))).toBe(false)
  const incomplete = { IAPEER_WEBHOOK_URL: 'https://ntfy.sh/' }
  expect(await home.iapeerWith(incomplete, 'daemon', 'start')).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('invalid IAPEER_WEBHOOK_URL: expected a topic'),
  })
})

/** Kills the tmux server of a peer by a script that a pane of another tmux server runs. */
async function killByScript(home: Home, socketPath: string): Promise<void> {
  const script = join(home.path, 'cleanup.sh')
  writeFileSync(script, `tmux -S '${socketPath}' kill-server\nsleep 1\n`)
  // The arguments of that server are above the leader of the killer's session, which is the shell in its pane.
  const started = await run(
    'tmux',
    [
      '-S',
      join(home.path, 'o'),
      '-f',
      '/dev/null',
      'new-session',
      '-d',
      '-s',
      'hunter2-session',
      `sh '${script}' argument-of-script; sleep 1`,
    ],
    { env: { ...process.env, TMUX: '' } },
  )
  expect(started).toMatchObject({ exitCode: 0 })
}

it.runIf(isFullCampaign())(
  'what sends a death has the killer up to the leader of its session; autopsy has all, and the failure of a channel is shown',
  async () => {
    const home = newHome()
    const failing = await service(500, '')
    const hook = join(home.path, 'hook')
    mkdirSync(join(home.root, 'hooks'), { recursive: true })
    writeFileSync(join(home.root, 'hooks', 'on-death'), `#!/bin/sh\ncat > '${hook}'\n`, { mode: 0o700 })
    const env = { IAPEER_WEBHOOK_URL: `${failing.url}/secret-token`, IAPEER_TICK_SECS: '1' }
    track(() => home.iapeer('daemon', 'stop'))
    expect((await home.iapeerWith(env, 'daemon', 'start')).exitCode).toBe(0)
    await home.iapeer('create', 'bob', '--', 'sleep', '1000')
    await home.iapeer('start', 'bob')
    const [session] = await listSessions(home.root)
    if (session === undefined) throw new Error('bob does not run')
    await killByScript(home, session.socketPath)
    await until('the hook', () => existsSync(hook) && readFileSync(hook, 'utf8').endsWith('\n'), 25_000)
    await until('the webhook', () => failing.got.length > 0)
    const markdown = (await home.iapeer('autopsy', 'bob', '--markdown')).stdout
    for (const text of [readFileSync(hook, 'utf8'), failing.got[0] ?? '', markdown]) {
      expect(text).toContain('kill-server')
      expect(text).toContain('cleanup.sh argument-of-script')
      expect(text).not.toContain('hunter2')
    }
    const autopsy = JSON.parse((await home.iapeer('autopsy', 'bob', '--json')).stdout)
    expect(JSON.stringify(autopsy.killer)).toContain('hunter2-session')

    const host = new URL(failing.url).host
    const why = `the webhook at ${host} answered 500`
    for (const words of [['daemon', 'status'], ['notify']]) {
      const { stdout } = await home.iapeer(...words)
      expect([words, stdout]).toEqual([words, expect.stringContaining(why)])
      expect(stdout).not.toMatch(/hunter2|secret-token/)
    }
    const doctor = await home.iapeer('doctor', '--json')
    const finding = jsonLines(doctor.stdout).find(({ id }) => id === 'notifications-failing')
    expect(finding).toMatchObject({ level: 'warning', what: expect.stringContaining(why) })
    const events = (await home.iapeer('events')).stdout
    expect(events).toContain(why)
    expect(events).not.toContain('secret-token')
  },
  90_000,
)

it.runIf(isFullCampaign())(
  'a bad address is refused, by the command and by the daemon, without showing it',
  async () => {
    const home = newHome()
    const urls = { IAPEER_NOTIFY_URLS: 'notaurl-hunter2' }
    for (const words of [
      ['notify', 'test'],
      ['daemon', 'start'],
    ]) {
      const { exitCode, stderr } = await home.iapeerWith(urls, ...words)
      expect([words, exitCode, stderr]).toEqual([
        words,
        2,
        expect.stringContaining('invalid IAPEER_NOTIFY_URLS: expected http'),
      ])
      expect(stderr).not.toContain('hunter2')
    }
  },
)
