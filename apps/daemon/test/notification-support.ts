import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { toPersonality, toRuntime } from '@iapeer/core/identity'
import { createPeer } from '@iapeer/core/registry'
import { asyncCleanups, serverAt, startServer, type TestServer, until } from '@iapeer/dev/testing'
import { readEvents } from '@iapeer/lifecycle/eventlog'
import { listSessions, type PeerSession } from '@iapeer/lifecycle/sessions'
import { post, type Where } from './support.ts'

/** The fields of a notification that the tests look at. */
export interface Received {
  readonly id: string
  readonly kind: string
  readonly summary: string
  readonly identity?: string
  readonly next?: string
  readonly lastLine?: string
  readonly deaths: readonly { readonly killer?: unknown }[]
}

const parsed = (text: string): Received[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))

/** Writes a hook that keeps what it gets. @returns a function that returns it */
export function keepingHook(root: string, directory: string): () => Received[] {
  const path = join(directory, 'notified')
  mkdirSync(join(root, 'hooks'), { recursive: true, mode: 0o700 })
  writeFileSync(join(root, 'hooks', 'on-death'), `#!/bin/sh\ncat >> '${path}'\n`, { mode: 0o700 })
  return () => (existsSync(path) ? parsed(readFileSync(path, 'utf8')) : [])
}

/** Functions that start what a test notifies; everything is stopped after the test. Call once per test file. */
export function notificationTests() {
  const track = asyncCleanups()

  /** Starts a server on loopback that keeps what is posted to it. */
  async function webhook(): Promise<{
    readonly url: string
    readonly got: Received[]
    readonly answer: { status: number }
  }> {
    const got: Received[] = []
    const answer = { status: 204 }
    const server = createServer((request, response) => {
      let body = ''
      request.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk
      })
      request.on('end', () => {
        got.push(...parsed(body))
        response.writeHead(answer.status).end()
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    track(() => new Promise((resolve) => server.close(resolve)))
    const address = server.address()
    return { url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/`, got, answer }
  }

  /** Creates and starts a peer that runs a command. */
  async function running(
    { root, where }: { readonly root: string; readonly where: Where },
    name: string,
    command: readonly string[] = ['sleep', '1000'],
  ): Promise<PeerSession> {
    await createPeer(root, {
      personality: toPersonality(name),
      defaultRuntime: toRuntime('command'),
      command,
    })
    const started = await post(where, `/v1/peers/${name}/start`)
    if (started.status !== 200) throw new Error(started.text)
    const session = (await listSessions(root)).find(({ identity }) => identity === `command-${name}`)
    if (session === undefined) throw new Error(`${name} has no session`)
    return session
  }

  /** Starts a terminal, a pane of another tmux server, that runs a command. */
  async function terminal(socketPath: string, command: string): Promise<TestServer> {
    const server = await startServer(socketPath, command)
    track(server.end)
    return server
  }

  /** Starts a terminal whose tmux client is attached to a session. */
  async function attached(directory: string, { identity, socketPath }: PeerSession): Promise<TestServer> {
    const outer = await terminal(
      join(directory, `at-${identity}`),
      `env -u TMUX tmux -S '${socketPath}' attach`,
    )
    const inner = serverAt(socketPath, Number.NaN)
    await until(`a client of ${identity}`, async () => (await inner.tmux('list-clients')).stdout !== '')
    return outer
  }

  return { track, webhook, running, terminal, attached }
}

/** Waits until the daemon has decided about the notification of the death of a peer. */
export const judged = (root: string, identity: string): Promise<unknown> =>
  until(
    `the verdict on ${identity}`,
    async () => (await readEvents(root, { ev: ['verdict'] })).events.some((one) => one.identity === identity),
    25_000,
  )
