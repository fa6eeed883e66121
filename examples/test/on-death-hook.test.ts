import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { serverAt, until } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { directories, EXAMPLES, installed, recordersFinished } from './support.ts'

const HOOK = join(EXAMPLES, 'on-death-hook', 'on-death')
const SAMPLE = readFileSync(join(EXAMPLES, 'on-death-hook', 'notification.json'), 'utf8')
const { newDirectory, track } = directories()

/** A chat on a port of this host, which keeps what it is sent. */
async function chat(status = 200) {
  const received: string[] = []
  const server = createServer((request, response) => {
    let text = ''
    request.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    request.on('end', () => {
      received.push(text)
      response.writeHead(status).end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  track(() => server.close())
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the chat has no port')
  return { received, url: `http://127.0.0.1:${address.port}/s3cret` }
}

async function hook(input: string, variables: NodeJS.ProcessEnv) {
  const child = spawn(HOOK, [], { env: { ...process.env, ...variables }, stdio: ['pipe', 'ignore', 'pipe'] })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk
  })
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const [exitCode] = await once(child, 'close')
  return { exitCode, stderr }
}

it('the hook posts the sample notification as a text', async () => {
  const { received, url } = await chat()
  expect(await hook(SAMPLE, { CHAT_WEBHOOK_URL: url })).toEqual({ exitCode: 0, stderr: '' })
  expect(received.map((text) => JSON.parse(text))).toEqual([
    {
      text: [
        'claude-bob: the tmux server was killed by SIGKILL; who sent it is not known (confidence high)',
        'restarting in 2 s, attempt 1 of 2',
        'last line: Reading 12 files...',
        '• claude-bob: killed-by-signal, 2026-06-10T15:42:07.113Z (iapeer autopsy claude-bob)',
      ].join('\n'),
    },
  ])
})

it('the hook posts a notification that is about no death', async () => {
  const { received, url } = await chat()
  const summary = 'claude-bob has waited for a person for 5 min (trust)'
  const blocked = { schemaVersion: 1, id: 'blocked-claude-bob-1', kind: 'blocked', summary, deaths: [] }
  const next = 'it waits until you answer: iapeer attach'
  for (const input of [blocked, { ...blocked, next }])
    expect(await hook(JSON.stringify(input), { CHAT_WEBHOOK_URL: url })).toEqual({ exitCode: 0, stderr: '' })
  expect(received.map((text) => JSON.parse(text).text)).toEqual([summary, `${summary}\n${next}`])
})

it('the hook fails where the chat refuses, where none is set, and where the input is not JSON; no address is printed', async () => {
  const { url } = await chat(500)
  const refused = await hook(SAMPLE, { CHAT_WEBHOOK_URL: url })
  expect(refused).toEqual({ exitCode: 1, stderr: 'on-death: the chat answered 500\n' })
  expect(await hook(SAMPLE, { CHAT_WEBHOOK_URL: '' })).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('CHAT_WEBHOOK_URL is not set'),
  })
  expect((await hook('{', { CHAT_WEBHOOK_URL: url })).exitCode).toBe(1)
})

it('a daemon runs the hook for a real death, and what it sends has the fields of the sample', async () => {
  const { received, url } = await chat()
  const { root, iapeer, env } = installed(newDirectory())
  mkdirSync(join(root, 'hooks'), { recursive: true, mode: 0o700 })
  copyFileSync(HOOK, join(root, 'hooks', 'on-death'))
  env['CHAT_WEBHOOK_URL'] = url
  track(() => recordersFinished(join(root, 'state', 'canary')))
  track(() => iapeer('daemon', 'stop'))
  expect((await iapeer('daemon', 'start')).exitCode).toBe(0)
  expect((await iapeer('create', 'bob', '--', 'sleep', '1000')).exitCode).toBe(0)
  const started = JSON.parse((await iapeer('start', 'bob', '--json')).stdout)
  const server = serverAt(started.socketPath, started.serverPid)
  track(server.end)
  server.kill('SIGKILL')
  await until('the notification', () => received.length > 0, 25_000)
  expect(JSON.parse(received[0] ?? '').text).toMatch(
    /^command-bob: the tmux server was killed .*\(confidence high\)\nnot restarted: [^\n]*\n• command-bob: killed-by-signal, \S+Z \(iapeer autopsy command-bob\)$/,
  )
}, 60_000)
