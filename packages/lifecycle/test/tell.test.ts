import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { until } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { layOutNews, tellWaiting } from '../src/deaths/notify/channels.ts'
import { announce } from '../src/deaths/notify/notify.ts'
import { listWaiting, type News } from '../src/deaths/notify/outbox.ts'
import { createEventLog } from '../src/index.ts'
import { roots } from './support.ts'

const { track, newRoot } = roots()
const NEWS: News = {
  schemaVersion: 1,
  id: 'command-bob-0011223344556677',
  kind: 'death',
  summary: 'command-bob: the agent ended with exit code 3 "$(touch PWNED)"',
  verdict: 'agent-failed',
  confidence: 'high',
  deaths: [],
}

const tellEverybody = async (root: string, news: News, env: NodeJS.ProcessEnv) =>
  tellWaiting(root, await layOutNews(root, news, env), env)

/** A server on loopback that answers with a status, and what it was sent. */
async function webhook(status: number): Promise<{ readonly url: string; readonly bodies: string[] }> {
  const bodies: string[] = []
  const server = createServer((asked, answer) => {
    let body = ''
    asked.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk
    })
    asked.on('end', () => {
      bodies.push(body)
      answer.writeHead(status).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  track(() => new Promise((resolve) => server.close(resolve)))
  const address = server.address()
  return { url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/`, bodies }
}

/** A zombie that nobody has waited for does not run. */
const isRunning = (pid: number): boolean => {
  const stat = `/proc/${pid}/stat`
  if (process.platform === 'linux') return existsSync(stat) && !/\) Z /.test(readFileSync(stat, 'latin1'))
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

it('hook, desktop and webhook hear of it, each as it is', async () => {
  const { root, path } = newRoot()
  mkdirSync(join(root, 'hooks'), { recursive: true })
  writeFileSync(join(root, 'hooks', 'on-death'), `#!/bin/sh\nexec cat > '${path}/hook'\n`, { mode: 0o700 })
  // Stands in for the desktop's own program.
  for (const name of ['notify-send', 'osascript'])
    writeFileSync(join(path, name), `#!/bin/sh\nprintf '%s\\n' "$@" > '${path}/desktop'\n`, { mode: 0o700 })
  const { url, bodies } = await webhook(204)
  const env = {
    PATH: `${path}:${process.env['PATH']}`,
    IAPEER_NOTIFY: '1',
    IAPEER_WEBHOOK_URL: url,
  }
  expect(await tellEverybody(root, NEWS, env)).toEqual([])
  expect(JSON.parse(readFileSync(join(path, 'hook'), 'utf8'))).toEqual(NEWS)
  expect(readFileSync(join(path, 'desktop'), 'utf8')).toContain(NEWS.summary)
  expect(bodies.map((body) => JSON.parse(body))).toEqual([NEWS])
})

it('what fails is told a line each, and keeps no other from it', async () => {
  const { root, path } = newRoot()
  mkdirSync(join(root, 'hooks'), { recursive: true })
  writeFileSync(join(root, 'hooks', 'on-death'), '#!/bin/sh\nexit 3\n', { mode: 0o700 })
  const { url } = await webhook(500)
  const env = { PATH: path, IAPEER_NOTIFY: '1', IAPEER_WEBHOOK_URL: url }
  expect((await tellEverybody(root, NEWS, env)).join('\n')).toMatch(
    /^hooks\/on-death ended with 3\nthere is no \S+\nthe webhook answered 500$/,
  )
})

it('a hook that is not executable is told of, once, and what to do', async () => {
  const { root } = newRoot()
  mkdirSync(join(root, 'hooks'), { recursive: true })
  writeFileSync(join(root, 'hooks', 'on-death'), '#!/bin/sh\nexit 0\n', { mode: 0o600 })
  const laid = await layOutNews(root, NEWS, {})
  const told = await Promise.all([1, 2].map(() => tellWaiting(root, laid, {})))
  expect(told.flat()).toEqual(['hooks/on-death cannot be run: chmod +x it'])
  expect(await listWaiting(root)).toEqual([])
})

it('where nobody wants to hear, nothing is done', async () => {
  expect(await tellEverybody(newRoot().root, NEWS, {})).toEqual([])
})

it('what a killed teller has laid out and not told is told by the next ones, once', async () => {
  const { root, path } = newRoot()
  mkdirSync(join(root, 'hooks'), { recursive: true })
  writeFileSync(join(root, 'hooks', 'on-death'), `#!/bin/sh\ncat >> '${path}/hook'\n`, { mode: 0o700 })
  const env = { PATH: process.env['PATH'] }
  await layOutNews(root, { ...NEWS, deaths: [{ id: NEWS.id }] }, env)
  const left = await listWaiting(root)
  expect(left).toHaveLength(1)
  await announce(root, { env, log: createEventLog(root), now: new Date() })
  await layOutNews(root, { ...NEWS, deaths: [{ id: NEWS.id }] }, env)
  await Promise.all([1, 2, 3].map(() => tellWaiting(root, left, env)))
  expect(readFileSync(join(path, 'hook'), 'utf8').match(/\n/g)).toHaveLength(2)
  expect(readFileSync(join(root, 'state', 'lifecycle', 'told.json'), 'utf8')).toContain(NEWS.id)
  expect(readdirSync(join(root, 'state', 'lifecycle', 'news'))).toEqual([])
})

it('a hook that hangs is ended with all that it has started', async () => {
  const { root, path } = newRoot()
  mkdirSync(join(root, 'hooks'), { recursive: true })
  const script = `#!/bin/sh\nsleep 1000 &\necho "$$ $!" > '${path}/pids'\nsleep 1000\n`
  writeFileSync(join(root, 'hooks', 'on-death'), script, { mode: 0o700 })
  expect(await tellEverybody(root, NEWS, { PATH: process.env['PATH'] })).toEqual([
    'hooks/on-death took longer than 10 s',
  ])
  const [hook = Number.NaN, child = Number.NaN] = readFileSync(join(path, 'pids'), 'utf8')
    .split(' ')
    .map(Number)
  for (const pid of [hook, child]) await until(`the end of ${pid}`, () => !isRunning(pid))
}, 20_000)
