import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { dismissCanary, listCanaries } from '@iapeer/canary'
import { rootRecordLocation } from '@iapeer/core/paths'
import {
  asyncCleanups,
  type Finished,
  privateDirectory,
  run,
  serverAt,
  startServer,
  until,
} from '@iapeer/dev/testing'
import { listSessions } from '@iapeer/lifecycle/sessions'

export const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url))

const WITHOUT_DAEMON = /^iapeer: without the daemon .*; iapeer daemon start starts it\n/m

/** Returns standard error without the line that every start without a daemon prints. */
export const besides = (stderr: string): string => stderr.replace(WITHOUT_DAEMON, '')

/** Parses output that has one JSON object per line. */
export const jsonLines = (text: string): Record<string, unknown>[] =>
  text
    .trimEnd()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))

/** A program that waits at a dialog until it is sent `y`, and then shows its input row. */
export const ASKS = `stty raw -echo
show() { printf '\\033[2J\\033[H'; for line in "$@"; do printf '%s\\r\\n' "$line"; done; }
byte() { dd bs=1 count=1 2>/dev/null; }
show 'The moon is full.' 'Howl? (y)'
while [ "$(byte)" != y ]; do :; done
rule=────────────────────────────────
show Welcome $rule '❯ ' $rule '  bypass permissions on'
exec sleep 1000
`

interface Running {
  /** Returns what it has printed on standard output. */
  readonly text: () => string
  /** Sends a signal; resolves with the exit code. */
  readonly end: (signal: NodeJS.Signals) => Promise<number | null>
}

export interface Home {
  readonly path: string
  readonly root: string
  readonly env: NodeJS.ProcessEnv
  readonly iapeer: (...args: string[]) => Promise<Finished>
  /** Runs it with further environment variables. */
  readonly iapeerWith: (variables: Readonly<Record<string, string>>, ...args: string[]) => Promise<Finished>
  /** Starts it and returns at once. */
  readonly start: (...args: string[]) => Running
  readonly startWith: (variables: Readonly<Record<string, string>>, ...args: string[]) => Running
  readonly server: (name?: string) => ReturnType<typeof startServer>
}

/** Call once per test file: returns a function that makes private roots; after each test their recorders and servers are stopped. */
export function homes(): () => Home {
  const track = asyncCleanups()
  return () => {
    const directory = privateDirectory()
    const root = join(directory.path, 'root')
    const env = { ...process.env, IAPEER_ROOT: root, TMUX: '', NO_COLOR: '1', LC_ALL: 'C.UTF-8' }
    track(directory.remove)
    track(async () => {
      const location = rootRecordLocation(root)
      // A guard exits once it has recorded the end of its server; dismissing it before that would prevent the record.
      for (const { identity, mode } of await listCanaries(location))
        if (mode === 'watch') await dismissCanary({ identity, ...location })
      const states = join(root, 'state', 'canary')
      await until('recorders to finish', () => !existsSync(states) || readdirSync(states).length === 0)
    })
    track(async () => {
      for (const { socketPath, server } of await listSessions(root))
        await serverAt(socketPath, server.pid).end()
    })
    const iapeerWith: Home['iapeerWith'] = (variables, ...args) =>
      run(process.execPath, [MAIN, ...args], { env: { ...env, ...variables } })
    const iapeer = (...args: string[]) => iapeerWith({}, ...args)
    const server = async (name = 's') => {
      const started = await startServer(join(directory.path, name))
      track(started.end)
      return started
    }
    const startWith: Home['startWith'] = (variables, ...args) => {
      const child = spawn(process.execPath, [MAIN, ...args], {
        env: { ...env, ...variables },
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      track(() => child.kill('SIGKILL'))
      let text = ''
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
      const end = (signal: NodeJS.Signals) => {
        child.kill(signal)
        return ended
      }
      return { text: () => text, end }
    }
    const start: Home['start'] = (...args) => startWith({}, ...args)
    return { path: directory.path, root, env, iapeer, iapeerWith, start, startWith, server }
  }
}
