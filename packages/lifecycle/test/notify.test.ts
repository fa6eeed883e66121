import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { until } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { addendumPath } from '../src/deaths/evidence/addendum.ts'
import { deliverPending, enqueueNotification } from '../src/deaths/notify/channels.ts'
import { notifyDeaths } from '../src/deaths/notify/notify.ts'
import { listPending, type Notification } from '../src/deaths/notify/outbox.ts'
import { createEventLog, readEvents } from '../src/index.ts'
import { roots } from './support.ts'

const { track, newRoot } = roots()
const NOTIFICATION: Notification = {
  schemaVersion: 1,
  id: 'command-bob-0011223344556677',
  kind: 'death',
  summary: 'command-bob: the agent ended with exit code 3 "$(touch PWNED)"',
  verdict: 'agent-failed',
  confidence: 'high',
  deaths: [],
}

const deliverAll = async (
  root: string,
  notification: Notification,
  env: NodeJS.ProcessEnv,
): Promise<string[]> =>
  (await deliverPending(root, await enqueueNotification(root, notification, env), env)).map(({ why }) => why)

/** Starts a server on loopback that answers with a status and keeps the bodies that it is sent. */
async function webhook(status: number): Promise<{ readonly url: string; readonly bodies: string[] }> {
  const bodies: string[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk
    })
    request.on('end', () => {
      bodies.push(body)
      response.writeHead(status).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  track(() => new Promise((resolve) => server.close(resolve)))
  const address = server.address()
  return { url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/`, bodies }
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
    /^hooks\/on-death exited with code 3\n\S+ is not installed\nthe webhook answered 500$/,
  )
})

it('the failure of an unreachable webhook is reported without its URL', async () => {
  const { root, path } = newRoot()
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  const port = typeof address === 'object' ? address?.port : 0
  const env = { PATH: path, IAPEER_WEBHOOK_URL: `http://127.0.0.1:${port}/hunter2` }
  expect(await deliverAll(root, NOTIFICATION, env)).toEqual(['the webhook failed: ECONNREFUSED'])
})

it('a hook that is not executable is reported once, with what to do', async () => {
  const { root } = newRoot()
  mkdirSync(join(root, 'hooks'), { recursive: true })
  writeFileSync(join(root, 'hooks', 'on-death'), '#!/bin/sh\nexit 0\n', { mode: 0o600 })
  const pending = await enqueueNotification(root, NOTIFICATION, {})
  const failures = await Promise.all([1, 2].map(() => deliverPending(root, pending, {})))
  expect(failures.flat().map(({ why }) => why)).toEqual(['hooks/on-death is not executable: chmod +x it'])
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
  const stale = await listPending(root)
  expect(stale).toHaveLength(1)
  await notifyDeaths(root, { env, log: createEventLog(root), now: new Date() })
  await enqueueNotification(root, { ...NOTIFICATION, deaths: [{ id: NOTIFICATION.id }] }, env)
  await Promise.all([1, 2, 3].map(() => deliverPending(root, stale, env)))
  expect(readFileSync(join(path, 'hook'), 'utf8').match(/\n/g)).toHaveLength(2)
  expect(readFileSync(join(root, 'state', 'lifecycle', 'notified.json'), 'utf8')).toContain(NOTIFICATION.id)
  expect(readdirSync(join(root, 'state', 'lifecycle', 'outbox'))).toEqual([])
})

it('a hook that hangs is killed with every process that it started', async () => {
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
}, 20_000)

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
    expect(young).toEqual({ judged: [], pending: true })
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

it('a notification that cannot be claimed does not stop the others', async () => {
  const { root, path } = newRoot()
  mkdirSync(join(root, 'hooks'), { recursive: true })
  const hook = join(root, 'hooks', 'on-death')
  writeFileSync(hook, `#!/bin/sh\ncat >> '${path}/hook'\n`, { mode: 0o700 })
  const env = { PATH: process.env['PATH'], IAPEER_NOTIFY: '1' }
  const pending = await enqueueNotification(root, NOTIFICATION, env)
  // A directory that is not empty, at the path that the file is to be renamed to.
  for (const { path: file, channel } of pending)
    if (channel === 'desktop') mkdirSync(join(file.replace(/\.json$/, '.taken'), 'x'), { recursive: true })
  const failures = await deliverPending(root, pending, env)
  expect(failures.map(({ pending }) => pending.channel)).toEqual(['desktop'])
  expect(JSON.parse(readFileSync(join(path, 'hook'), 'utf8'))).toEqual(NOTIFICATION)
  rmSync(join(root, 'state', 'lifecycle', 'outbox'), { recursive: true })
})
