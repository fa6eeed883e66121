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

/** The address of a daemon: a unix socket, or a port of 127.0.0.1. */
export type Where = { readonly socketPath: string } | { readonly port: number }

/** Sends one request and reads the whole answer. */
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
  /** @returns the exit code; null if the signal killed it */
  readonly end: (signal?: NodeJS.Signals) => Promise<number | null>
}

interface FailedDaemon {
  readonly failure: { readonly code: string; readonly message: string; readonly hint?: string }
  readonly exitCode: number | null
}

export interface TestRoot {
  readonly directory: string
  readonly root: string
  /** Starts `iapeerd --foreground` and waits until it has started or reported an error. */
  readonly launch: (env?: NodeJS.ProcessEnv) => Promise<RunningDaemon | FailedDaemon>
  readonly up: (env?: NodeJS.ProcessEnv) => Promise<RunningDaemon>
}

/** Returns a function that creates private roots. Everything started in them is stopped after the test. Call it once per test file. */
export function roots(): (name?: string) => TestRoot {
  const track = asyncCleanups()
  return (name = 'root') => {
    const directory = privateDirectory()
    const root = join(directory.path, name)
    const env = { ...process.env, IAPEER_ROOT: root, TMUX: '', NO_COLOR: '1' }
    track(directory.remove)
    track(async () => {
      const location = rootRecordLocation(root)
      // A guard exits by itself after it has recorded the end of its server; dismissing it would interrupt that.
      for (const { identity, mode } of await listCanaries(location))
        if (mode === 'watch') await dismissCanary({ identity, ...location })
      const states = join(root, 'state', 'canary')
      await until('recorders to finish', () => !existsSync(states) || readdirSync(states).length === 0)
    })
    track(async () => {
      for (const { socketPath, server } of await listSessions(root))
        await serverAt(socketPath, server.pid).end()
    })
    // A test may have started a daemon in the background and not stopped it.
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
  if (stdout === null || pid === undefined) throw new Error('the daemon was not started')
  for await (const line of createInterface(stdout)) {
    const report = JSON.parse(line)
    if (report.state !== 'up') return { failure: report, exitCode: await exited }
    const { socketPath, port = 0 } = report
    const end = (signal: NodeJS.Signals = 'SIGTERM') => {
      child.kill(signal)
      return exited
    }
    return { pid, socketPath, port, where: { socketPath }, end }
  }
  throw new Error(`the daemon exited with ${await exited} and reported nothing`)
}
