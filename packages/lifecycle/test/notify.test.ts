import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { isFullCampaign, until } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { addendumPath } from '../src/deaths/evidence/addendum.ts'
import type { JudgedDeath } from '../src/deaths/judge.ts'
import { channelsOf } from '../src/deaths/notify/channels.ts'
import { cleanLine } from '../src/deaths/notify/compose.ts'
import type { Notification } from '../src/deaths/notify/notification.ts'
import { notifyDeaths } from '../src/deaths/notify/notify.ts'
import { deliverPending, enqueueNotification, listPending } from '../src/deaths/notify/outbox.ts'
import { isExpected, sendAtMs } from '../src/deaths/notify/policy.ts'
import { createEventLog, readEvents } from '../src/index.ts'
import { roots } from './support.ts'

const { track, newRoot } = roots()
const NOTIFICATION: Notification = {
  schemaVersion: 1,
  id: 'command-bob-0011223344556677',
  kind: 'death',
  summary: 'command-bob: the agent failed with exit code 3 "$(touch PWNED)"',
  verdict: 'agent-failed',
  confidence: 'high',
  deaths: [],
}

/** Puts a notification into the outbox and delivers it. @returns why deliveries failed, in the order of the channels */
async function deliverAll(
  root: string,
  notification: Notification,
  env: NodeJS.ProcessEnv,
): Promise<string[]> {
  expect(await enqueueNotification(root, notification, env)).toEqual([])
  const { failures } = await deliverPending(root, env)
  return failures.map(({ why }) => why)
}

/** Starts a server on loopback that answers with a status and keeps the bodies that it is sent. */
async function webhook(
  status: number,
  text = '',
): Promise<{
  readonly url: string
  readonly bodies: string[]
  readonly lines: string[]
  readonly answerWith: (status: number) => void
}> {
  const bodies: string[] = []
  const lines: string[] = []
  let now = status
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk
    })
    request.on('end', () => {
      bodies.push(body)
      lines.push(`${request.method} ${request.url}`)
      response.writeHead(now).end(text)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  track(() => new Promise((resolve) => server.close(resolve)))
  const address = server.address()
  const answerWith = (next: number): void => {
    now = next
  }
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/`
  return { url, bodies, lines, answerWith }
}

/** Whether a process runs; a zombie that was not waited for does not. */
const isRunning = (pid: number): boolean => {
  const stat = `/proc/${pid}/stat`
  if (process.platform === 'linux') return existsSync(stat) && !/\) Z /.test(readFileSync(stat, 'latin1'))
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

it('hook, desktop and webhook each get the whole notification', async () => {
  const { root, path } = newRoot()
  mkdirSync(join(root, 'hooks'), { recursive: true })
  writeFileSync(join(root, 'hooks', 'on-death'), `#!/bin/sh\nexec cat > '${path}/hook'\n`, { mode: 0o700 })
  // Stands in for the notification program of the desktop.
  for (const name of ['notify-send', 'osascript'])
    writeFileSync(join(path, name), `#!/bin/sh\nprintf '%s\\n' "$@" > '${path}/desktop'\n`, { mode: 0o700 })
  const { url, bodies } = await webhook(204)
  const env = {
    PATH: `${path}:${process.env['PATH']}`,
    IAPEER_NOTIFY: '1',
    IAPEER_WEBHOOK_URL: url,
  }
  expect(await deliverAll(root, NOTIFICATION, env)).toEqual([])
  expect(JSON.parse(readFileSync(join(path, 'hook'), 'utf8'))).toEqual(NOTIFICATION)
  expect(readFileSync(join(path, 'desktop'), 'utf8')).toContain(NOTIFICATION.summary)
  expect(bodies.map((body) => JSON.parse(body))).toEqual([NOTIFICATION])
})

it('each failure is reported in one line, and does not stop the other channels', async () => {
  const { root, path } = newRoot()
  mkdirSync(join(root, 'hooks'), { recursive: true })
  writeFileSync(join(root, 'hooks', 'on-death'), '#!/bin/sh\nexit 3\n', { mode: 0o700 })
  const { url } = await webhook(500)
  const env = { PATH: path, IAPEER_NOTIFY: '1', IAPEER_WEBHOOK_URL: url }
  expect((await deliverAll(root, NOTIFICATION, env)).join('\n')).toMatch(
    /^\S+ is not installed\nhooks\/on-death exited with code 3\nthe webhook at 127\.0\.0\.1:\d+ answered 500$/,
  )
})

it('the failure of an unreachable webhook is reported with the host of its URL alone', async () => {
  const { root, path } = newRoot()
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  const port = typeof address === 'object' ? address?.port : 0
  const env = { PATH: path, IAPEER_WEBHOOK_URL: `http://127.0.0.1:${port}/hunter2` }
  expect(await deliverAll(root, NOTIFICATION, env)).toEqual([
    `the webhook at 127.0.0.1:${port} failed: ECONNREFUSED`,
  ])
})

it('the failure of an address that fetch refuses is reported with its reason', async () => {
  const { root, path } = newRoot()
  const env = { PATH: path, IAPEER_WEBHOOK_URL: 'http://127.0.0.1:1/hunter2' }
  expect(await deliverAll(root, NOTIFICATION, env)).toEqual(['the webhook at 127.0.0.1:1 failed: bad port'])
})

it('a hook that is not executable is reported once, with what to do', async () => {
  const { root } = newRoot()
  mkdirSync(join(root, 'hooks'), { recursive: true })
  writeFileSync(join(root, 'hooks', 'on-death'), '#!/bin/sh\nexit 0\n', { mode: 0o600 })
  await enqueueNotification(root, NOTIFICATION, {})
  const results = await Promise.all([1, 2].map(() => deliverPending(root, {})))
  expect(results.flatMap(({ failures }) => failures.map(({ why }) => why))).toEqual([
    'hooks/on-death is not executable: chmod +x it',
  ])
  expect(await listPending(root)).toEqual([])
})

it('without a channel nothing is delivered', async () => {
  expect(await deliverAll(newRoot().root, NOTIFICATION, {})).toEqual([])
})

it('notifications that a killed process left in the outbox are delivered once by the next processes', async () => {
  const { root, path } = newRoot()
  mkdirSync(join(root, 'hooks'), { recursive: true })
  writeFileSync(join(root, 'hooks', 'on-death'), `#!/bin/sh\ncat >> '${path}/hook'\n`, { mode: 0o700 })
  const env = { PATH: process.env['PATH'] }
  await enqueueNotification(root, { ...NOTIFICATION, deaths: [{ id: NOTIFICATION.id }] }, env)
  await notifyDeaths(root, { env, log: createEventLog(root), now: new Date() })
  expect(readFileSync(join(root, 'state', 'lifecycle', 'notified.json'), 'utf8')).toContain(NOTIFICATION.id)
  await enqueueNotification(root, { ...NOTIFICATION, deaths: [{ id: NOTIFICATION.id }] }, env)
  await Promise.all([1, 2, 3].map(() => deliverPending(root, env)))
  expect(readFileSync(join(path, 'hook'), 'utf8').match(/\n/g)).toHaveLength(2)
  expect(readdirSync(join(root, 'state', 'lifecycle', 'outbox'))).toEqual([])
})

it('a notification that could not be delivered is tried again later, and dropped after a day', async () => {
  const { root } = newRoot()
  const { url, bodies, answerWith } = await webhook(503)
  const env = { IAPEER_WEBHOOK_URL: url }
  const start = Date.now()
  const at = (ms: number): Date => new Date(start + ms)
  await enqueueNotification(root, NOTIFICATION, env, at(0))
  const first = await deliverPending(root, env, at(0))
  expect(first).toMatchObject({
    failures: [{ why: `the webhook at ${new URL(url).host} answered 503`, retryMs: start + 5_000 }],
    nextMs: start + 5_000,
  })
  expect(await deliverPending(root, env, at(4_000))).toMatchObject({ failures: [] })
  expect(await deliverPending(root, env, at(5_000))).toMatchObject({ nextMs: start + 15_000 })
  expect(bodies).toHaveLength(2)
  answerWith(204)
  expect(await deliverPending(root, env, at(15_000))).toEqual({ failures: [], nextMs: undefined })
  expect(bodies).toHaveLength(3)
  answerWith(503)
  await enqueueNotification(root, NOTIFICATION, env, at(0))
  const late = await deliverPending(root, env, at(86_400_001))
  expect(late).toMatchObject({
    failures: [{ why: 'was not delivered within a day and is dropped' }],
    nextMs: undefined,
  })
  expect(bodies).toHaveLength(3)
  answerWith(404)
  expect(await deliverAll(root, NOTIFICATION, env)).toEqual([
    `the webhook at ${new URL(url).host} answered 404`,
  ])
  expect(await listPending(root)).toEqual([])
})

it.each([
  ['ntfy', '/team/topic', 'POST /team', { topic: 'topic', title: 'iapeer: a peer died', priority: 4 }],
  ['slack', '/services/x', 'POST /services/x', { text: expect.stringContaining('&lt;b&gt; &amp;') }],
  [
    'discord',
    '/api/webhooks/x',
    'POST /api/webhooks/x',
    { content: expect.stringContaining('<b> &'), allowed_mentions: { parse: [] } },
  ],
  [
    'telegram',
    '/bot1:x/sendMessage?chat_id=-42',
    'POST /bot1:x/sendMessage',
    { chat_id: '-42', text: expect.stringContaining('<b> &') },
  ],
  ['json', '/hook?key=1', 'POST /hook?key=1', { kind: 'death', lastLine: '<b> &' }],
])('%s gets the body that it accepts', async (format, path, line, body) => {
  const { root } = newRoot()
  const { url, bodies, lines } = await webhook(200)
  const env = { IAPEER_NOTIFY_URLS: `${format}+${url.slice(0, -1)}${path}` }
  const next = 'not restarted: 3 deaths in 5 min'
  expect(await deliverAll(root, { ...NOTIFICATION, next, lastLine: '<b> &' }, env)).toEqual([])
  expect(lines).toEqual([line])
  expect(JSON.parse(bodies[0] ?? '')).toMatchObject(body)
  expect(bodies[0]).toContain(next)
})

it('each address is a channel of its own, and an answer that repeats a token is masked', async () => {
  const { root } = newRoot()
  const { url } = await webhook(401, '{"error":"invalid token hunter2hunter2\n"}')
  const env = { IAPEER_NOTIFY_URLS: `json+${url}hunter2hunter2 json+${url}a?k=hunter2hunter2` }
  expect((await channelsOf(root, env)).map(({ name, where }) => [name, where])).toEqual([
    ['json', `${url}… (json)`],
    ['json-2', `${url}… (json)`],
  ])
  const why = await deliverAll(root, NOTIFICATION, env)
  expect(why).toEqual([
    `json-2 at ${new URL(url).host} answered 401: {"error":"invalid token *** "}`,
    `json at ${new URL(url).host} answered 401: {"error":"invalid token *** "}`,
  ])
})

it('in quiet hours all but urgent notifications wait until their end, also in the next process', async () => {
  const { root } = newRoot()
  const { url, bodies } = await webhook(200)
  const env = { IAPEER_WEBHOOK_URL: url, IAPEER_QUIET_HOURS: '22:00-07:00' }
  const night = new Date(2026, 5, 10, 23, 30)
  const morning = new Date(2026, 5, 11, 7, 0)
  await enqueueNotification(root, NOTIFICATION, env, night)
  await enqueueNotification(root, { ...NOTIFICATION, id: 'x', kind: 'gave-up' }, env, night)
  expect((await deliverPending(root, env, night)).nextMs).toBe(morning.getTime())
  expect(bodies.map((body) => JSON.parse(body).kind)).toEqual(['gave-up'])
  await deliverPending(root, env, morning)
  expect(bodies.map((body) => JSON.parse(body).kind)).toEqual(['gave-up', 'death'])
  expect(sendAtMs(env, 'death', new Date(2026, 5, 10, 3, 0))).toBe(new Date(2026, 5, 10, 7, 0).getTime())
  expect(sendAtMs(env, 'death', morning)).toBe(morning.getTime())
  expect(sendAtMs({ IAPEER_QUIET_HOURS: '09:00-17:00' }, 'blocked', morning)).toBe(morning.getTime())
})

it('a line of a screen has no control characters and nothing that looks like a secret', () => {
  expect(cleanLine('\u001b[31mError:\u001b[0m API key expired (401)\u0007')).toBe(
    'Error: API key expired (401)',
  )
  expect(cleanLine('token=hunter2 https://me:pw@x.example')).toBe('token=*** https://***@x.example')
  expect(cleanLine('key sk-ant-REDACTED is invalid')).toBe('key *** is invalid')
  expect(cleanLine(`key ${'a1B2'.repeat(8)} is invalid`)).toBe('key *** is invalid')
  expect(cleanLine('export X=iapb_abc-_Z')).toBe('export X=iapb_***')
  expect(cleanLine('cannot open /home/me/projects/longname/file.txt')).toContain('/home/me/projects')
})

it('a death in the own terminal and an exit with code 0 need no person; a script that kills does', () => {
  const by = (command: string, verdict = 'killed-by-command') =>
    ({
      record: { event: 'server-exit' },
      findings: {},
      judged: { verdict, killer: { pid: 1, command, ancestors: [] } },
    }) as unknown as JudgedDeath
  for (const command of [
    'tmux -S /r/bob.sock attach',
    '/usr/bin/tmux -S /r/s attach-session -t $0',
    'tmux',
    'tmux new -s x',
    'tmux -CC attach',
  ])
    expect([command, isExpected(by(command))]).toEqual([command, true])
  for (const command of [
    'tmux kill-session -t a',
    'tmux -S /attach kill-server',
    'sh attach',
    'tmux -L attach kill-pane',
    'tmux -C attach',
    'tmux -S /r/s -C attach -t $0',
    'tmux attach ; killp',
    'tmux attach -t kill-bill',
  ])
    expect([command, isExpected(by(command))]).toEqual([command, false])
  expect(isExpected(by('tmux attach', 'killed-by-signal'))).toBe(false)
  const exit = (exitCode: number) =>
    ({
      record: { event: 'session-exit', exitCode },
      findings: {},
      judged: { verdict: 'agent-exited' },
    }) as unknown as JudgedDeath
  expect([isExpected(exit(0)), isExpected(exit(1))]).toEqual([true, false])
})

it.runIf(isFullCampaign())(
  'a hook that hangs is killed with every process that it started',
  async () => {
    const { root, path } = newRoot()
    mkdirSync(join(root, 'hooks'), { recursive: true })
    const script = `#!/bin/sh\nsleep 1000 &\necho "$$ $!" > '${path}/pids'\nsleep 1000\n`
    writeFileSync(join(root, 'hooks', 'on-death'), script, { mode: 0o700 })
    expect(await deliverAll(root, NOTIFICATION, { PATH: process.env['PATH'] })).toEqual([
      'hooks/on-death took longer than 10 s',
    ])
    const [hook = Number.NaN, child = Number.NaN] = readFileSync(join(path, 'pids'), 'utf8')
      .split(' ')
      .map(Number)
    for (const pid of [hook, child]) await until(`the exit of ${pid}`, () => !isRunning(pid))
  },
  20_000,
)

/** Records a death as a recorder does, with a snapshot of about `snapshotBytes`. */
function recordDeath(root: string, identity: string, at: Date, snapshotBytes = 100): string {
  const deaths = join(root, 'logs', 'iapeer', 'server-deaths')
  mkdirSync(deaths, { recursive: true })
  const gen = '0011223344556677'
  const id = `${identity}-${gen}`
  const snapshot = join(deaths, `${id}.txt`)
  const facts = 'server_pid=801 wait_rc=3 cause=failed mode=guard'
  const head = `identity=${identity} gen=${gen} ts=${at.toISOString()} ${facts}`
  writeFileSync(
    snapshot,
    `server-death ${head} platform=linux format=1\n--- ps\n${'x'.repeat(snapshotBytes)}\n--- end\n`,
  )
  const line = `ts=${at.toISOString()} ev=server-exit ${head.replace(/ts=\S+ /, '')} recorder=guard forensics=${snapshot}\n`
  writeFileSync(join(root, 'logs', 'iapeer', 'exits.log'), line, { flag: 'a' })
  return id
}

function enableNotifications(root: string): void {
  mkdirSync(join(root, 'state', 'lifecycle'), { recursive: true })
  writeFileSync(join(root, 'state', 'lifecycle', 'notified.json'), '[]\n')
}

const bytesRead = (): number => Number(/^rchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1])

it.skipIf(process.platform !== 'linux')(
  'a death that is too young to be notified is not judged yet',
  async () => {
    const { root } = newRoot()
    enableNotifications(root)
    const at = new Date()
    recordDeath(root, 'command-bob', at, 16 * 1024 * 1024)
    const options = { env: {}, log: createEventLog(root) }
    const before = bytesRead()
    const young = await notifyDeaths(root, { ...options, now: new Date(at.getTime() + 1_000) })
    expect(young).toEqual({ judged: [], pending: true, nextMs: undefined })
    expect(bytesRead() - before).toBeLessThan(4 * 1024 * 1024)
    const old = await notifyDeaths(root, { ...options, now: new Date(at.getTime() + 6_000) })
    expect(old).toMatchObject({ judged: [{ record: { identity: 'command-bob' } }], pending: false })
  },
)

it('a failure is logged under the peer that it is about', async () => {
  const { root } = newRoot()
  enableNotifications(root)
  mkdirSync(join(root, 'hooks'), { recursive: true })
  writeFileSync(join(root, 'hooks', 'on-death'), '#!/bin/sh\n! grep -q command-carol-2\n', { mode: 0o700 })
  const at = new Date()
  for (const name of ['bob', 'carol-2', 'dave']) {
    const id = recordDeath(root, `command-${name}`, at)
    if (name === 'dave') mkdirSync(addendumPath(root, id))
  }
  const options = { env: { PATH: process.env['PATH'] }, log: createEventLog(root) }
  await notifyDeaths(root, { ...options, now: new Date(at.getTime() + 6_000) })
  const { events } = await readEvents(root, { ev: ['supervise'] })
  expect(events.map(({ identity, action }) => [identity, action])).toEqual([
    ['command-dave', 'evidence-failed'],
    ['command-carol-2', 'notify-failed'],
  ])
})

it('a hook that hangs delays few others: several run at a time', async () => {
  const { root, path } = newRoot()
  enableNotifications(root)
  mkdirSync(join(root, 'hooks'), { recursive: true })
  const script = `#!/bin/sh\necho + >> '${path}/runs'\nsleep 0.5\necho - >> '${path}/runs'\n`
  writeFileSync(join(root, 'hooks', 'on-death'), script, { mode: 0o700 })
  const at = new Date()
  for (let count = 0; count < 8; count++) recordDeath(root, `command-p${count}`, at)
  const options = { env: { PATH: process.env['PATH'] }, log: createEventLog(root) }
  await notifyDeaths(root, { ...options, now: new Date(at.getTime() + 6_000) })
  let [running, most] = [0, 0]
  for (const mark of readFileSync(join(path, 'runs'), 'utf8').trim().split('\n')) {
    running += mark === '+' ? 1 : -1
    most = Math.max(most, running)
  }
  expect(running).toBe(0)
  expect(most).toBeGreaterThan(1)
  expect(most).toBeLessThanOrEqual(4)
})
