import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { asyncCleanups } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { homes, jsonLines } from './support.ts'

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

it('notify list says where notifications go, what is sent, and that none is sent without a channel', async () => {
  const home = newHome()
  expect((await home.iapeer('notify', 'list')).stdout).toMatch(
    /^No daemon is running, so no notification is sent.*\n○ none is set up\n[\s\S]*notify\.urls[\s\S]*Notified: death-not-restarted, gave-up, incident, blocked, daemon-problem\nNot notified: death, restarted, recovered [^\n]*\nNever notified: [^\n]*\n$/,
  )
  const alone = await home.iapeer('notify')
  expect([alone.exitCode, alone.stdout]).toEqual([0, (await home.iapeer('notify', 'list')).stdout])
  expect((await home.iapeer('notify', 'tset')).stderr).toContain('notify test')
  expect((await home.iapeer('notify', 'test')).exitCode).toBe(2)
  mkdirSync(join(home.root, 'hooks'), { recursive: true })
  writeFileSync(join(home.root, 'hooks', 'on-death'), '#!/bin/sh\nexit 0\n', { mode: 0o700 })
  expect((await home.iapeer('notify', 'list')).stdout).toContain(`● hook  ${home.root}/hooks/on-death`)
  await home.iapeer('daemon', 'start')
  expect((await home.iapeer('daemon', 'status')).stdout).toContain('notifications go to hook: ')
  expect((await home.iapeer('doctor')).stdout).toMatch(/notifications go to hook: /)
  expect((await home.iapeer('notify', 'list')).stdout).toContain('the channels of the running daemon')
  await home.iapeer('daemon', 'stop')
})

it('a bad address is refused, by the command and by the daemon, without showing it', async () => {
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
})
