import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { type IncomingHttpHeaders, request } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { dismissCanary, listCanaries } from '@iapeer/canary'
import { rootRecordLocation } from '@iapeer/core/paths'
import { asyncCleanups, privateDirectory, serverAt, until } from '@iapeer/dev/testing'
import { stopDaemon } from '@iapeer/host'
import { listSessions } from '@iapeer/lifecycle/sessions'

export const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url))

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly json: () => unknown
}

export interface Ask {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** A unix socket, or a port of 127.0.0.1. */
export type Where = { readonly socketPath: string } | { readonly port: number }

/** One request, and the whole answer. */
export function ask(
  where: Where,
  path: string,
  { method = 'GET', headers = {}, body }: Ask = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const to = 'port' in where ? { host: '127.0.0.1', port: where.port } : { ...where, host: 'localhost' }
    const sent = request({ ...to, method, path, headers, agent: false, timeout: 20_000 }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      response.once('error', reject)
      response.once('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text,
          json: () => JSON.parse(text),
        }),
      )
    })
    sent.once('timeout', () => sent.destroy(new Error('no answer')))
    sent.once('error', reject)
    sent.end(body)
  })
}

export const post = (where: Where, path: string, body: object = {}, headers: Record<string, string> = {}) =>
  ask(where, path, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
  })

interface RunningDaemon {
  readonly pid: number
  readonly socketPath: string
  readonly port: number
  readonly where: Where
  /** @returns its exit code; null when the signal ended it */
  readonly end: (signal?: NodeJS.Signals) => Promise<number | null>
}

interface FailedDaemon {
  readonly failure: { readonly code: string; readonly message: string; readonly hint?: string }
  readonly exitCode: number | null
}

export interface TestRoot {
  readonly directory: string
  readonly root: string
  /** Starts `iapeerd --foreground` and waits until it is up, or has said why not. */
  readonly launch: (env?: NodeJS.ProcessEnv) => Promise<RunningDaemon | FailedDaemon>
  readonly up: (env?: NodeJS.ProcessEnv) => Promise<RunningDaemon>
}

/** Call once per test file: gives private roots in which whatever is started ends after the test. */
export function roots(): (name?: string) => TestRoot {
  const track = asyncCleanups()
  return (name = 'root') => {
    const directory = privateDirectory()
    const root = join(directory.path, name)
    const env = { ...process.env, IAPEER_ROOT: root, TMUX: '', NO_COLOR: '1' }
    track(directory.remove)
    track(async () => {
      const location = rootRecordLocation(root)
      // A guard ends by itself, with the record of its server; to dismiss it over that would cut it short.
      for (const { identity, mode } of await listCanaries(location))
        if (mode === 'watch') await dismissCanary({ identity, ...location })
      const states = join(root, 'state', 'canary')
      await until('recorders to finish', () => !existsSync(states) || readdirSync(states).length === 0)
    })
    track(async () => {
      for (const { socketPath, server } of await listSessions(root))
        await serverAt(socketPath, server.pid).end()
    })
    // One that a test has started in the background and not ended.
    track(() => stopDaemon(root))
    const launch: TestRoot['launch'] = async (more = {}) => {
      const child = spawn(process.execPath, [MAIN, '--foreground', '--report'], {
        env: { ...env, ...more },
        stdio: ['ignore', 'pipe', 'ignore'],
      })
      const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
      track(async () => {
        child.kill('SIGKILL')
        await exited
      })
      return reported(child, exited)
    }
    const up: TestRoot['up'] = async (more) => {
      const found = await launch(more)
      if ('failure' in found) throw new Error(found.failure.message)
      return found
    }
    return { directory: directory.path, root, launch, up }
  }
}

async function reported(
  child: ChildProcess,
  exited: Promise<number | null>,
): Promise<RunningDaemon | FailedDaemon> {
  const { stdout, pid } = child
  if (stdout === null || pid === undefined) throw new Error('it was not started')
  for await (const line of createInterface(stdout)) {
    const said = JSON.parse(line)
    if (said.state !== 'up') return { failure: said, exitCode: await exited }
    const { socketPath, port = 0 } = said
    const end = (signal: NodeJS.Signals = 'SIGTERM') => {
      child.kill(signal)
      return exited
    }
    return { pid, socketPath, port, where: { socketPath }, end }
  }
  throw new Error(`it ended with ${await exited} and said nothing`)
}
