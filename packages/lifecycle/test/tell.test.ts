import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { type News, tellEverybody } from '../src/tell/channels.ts'
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

it('where nobody wants to hear, nothing is done', async () => {
  expect(await tellEverybody(newRoot().root, NEWS, {})).toEqual([])
})
