import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseLogfmt } from '@iapeer/core/logfmt'
import { recordLayout } from '@iapeer/core/paths'
import {
  asyncCleanups,
  privateDirectory,
  serverAt,
  startServer,
  type TestServer,
  until,
} from '@iapeer/dev/testing'
import { expect } from 'vitest'
import {
  canaryStatus,
  completeIntent,
  declareIntent,
  dismissCanary,
  ensureCanary,
  startGuardedServer,
} from '../src/index.ts'
import { type CanaryRecord, parseGenerationName, readCanaryRecord } from '../src/records/state-file.ts'

/** A root with at most a few servers; after the test, its processes are stopped and its files removed. */
export interface Root {
  readonly recordDir: string
  readonly path: string
  /** A socket path inside the root. */
  readonly socket: (name?: string) => string
  readonly server: (socketPath?: string, command?: string) => Promise<TestServer>
  readonly track: (undo: () => unknown) => void
}

export interface Watched {
  readonly root: Root
  readonly identity: string
  readonly server: TestServer
  readonly gen: string
  readonly recordDir: string
}

/** Returns a function that makes roots, which are cleaned up after each test. Call once at the top of a test file. */
export function roots(): () => Root {
  const track = asyncCleanups()
  return () => {
    const directory = privateDirectory()
    const recordDir = join(directory.path, 'rec')
    track(directory.remove)
    track(() => dismissAll(recordDir))
    const socket = (name = 's'): string => join(directory.path, name)
    const server = async (socketPath = socket(), command?: string): Promise<TestServer> => {
      const started = await startServer(socketPath, command)
      track(started.end)
      return started
    }
    return { recordDir, path: directory.path, socket, server, track }
  }
}

/** Dismisses the watches under a directory and waits until its recorders have finished. */
async function dismissAll(recordDir: string): Promise<void> {
  const directory = join(recordDir, 'state', 'canary')
  const names = (): string[] => (existsSync(directory) ? readdirSync(directory) : [])
  for (const name of names()) {
    const parsed = parseGenerationName(name)
    if (parsed !== undefined) await dismissCanary({ identity: parsed.identity, recordDir })
  }
  await until('recorders to finish', () => names().every((name) => parseGenerationName(name) === undefined))
}

/** Starts a server and arms a watch. */
export async function watched(
  root: Root,
  options: { identity?: string; socketPath?: string; command?: string } = {},
): Promise<Watched> {
  const { identity = 'claude-bob', socketPath = root.socket(), command } = options
  const { recordDir } = root
  const server = await root.server(socketPath, command)
  const result = await ensureCanary({ identity, socketPath, recordDir })
  if (result.state !== 'spawned') throw new Error(`not armed: ${JSON.stringify(result)}`)
  return { root, identity, server, gen: result.gen, recordDir }
}

/** Starts a guarded server with one session `main`. */
export async function guarded(
  root: Root,
  options: {
    identity?: string
    socketPath?: string
    configFile?: string
    env?: NodeJS.ProcessEnv
    command?: string
  } = {},
): Promise<Watched> {
  const {
    identity = 'claude-bob',
    socketPath = root.socket(),
    command = 'exec sleep 1000',
    ...rest
  } = options
  const { recordDir } = root
  const started = await startGuardedServer({ identity, socketPath, recordDir, ...rest })
  if (started.gen === undefined) throw new Error('records are off')
  const server = serverAt(socketPath, started.server.pid)
  root.track(server.end)
  const made = await server.tmux(
    '-N',
    'new-session',
    '-d',
    '-s',
    'main',
    '-c',
    root.path,
    command,
    ';',
    'set-option',
    '-s',
    'exit-empty',
    'on',
  )
  if (made.exitCode !== 0) throw new Error(made.stderr)
  return { root, identity, server, gen: started.gen, recordDir }
}

function readLines(path: string): Readonly<Record<string, string>>[] {
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => parseLogfmt(line).fields)
}

export const exits = (recordDir: string) => readLines(join(recordDir, 'exits.log'))
export const lifecycle = (recordDir: string) => readLines(join(recordDir, 'lifecycle.log'))

const key = (of: { identity: string; gen: string }): string => `${of.identity}-${of.gen}`

export function claimOf(of: Watched): string | undefined {
  const path = join(of.recordDir, 'server-deaths', `${key(of)}.claim`)
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return undefined
  return found.isSymbolicLink() ? readlinkSync(path) : readFileSync(path, 'utf8')
}

export function recordOf(of: { recordDir: string; identity: string; gen: string }): CanaryRecord | undefined {
  const record = readCanaryRecord(recordLayout(of), of)
  return record === 'corrupt' ? undefined : record
}

/** Waits until a generation is settled: its state file is gone. */
export const settled = (of: Watched, limitMs?: number) =>
  until(`settling of ${key(of)}`, () => !existsSync(join(of.recordDir, 'state', 'canary', key(of))), limitMs)

/** Waits until a death is settled, checks its claim, line and snapshot, and returns the one line. */
export async function deathOf(of: Watched, limitMs?: number): Promise<Readonly<Record<string, string>>> {
  await settled(of, limitMs)
  const lines = exits(of.recordDir).filter((line) => line['gen'] === of.gen)
  expect(lines).toHaveLength(1)
  const [line = {}] = lines
  expect(line).toMatchObject({ ev: 'server-exit', identity: of.identity, server_pid: String(of.server.pid) })
  expect(claimOf(of)).toMatch(/^rc=\w+,ev=server,rec=\d+:\S+,ts=\d+/)
  const snapshot = readFileSync(line['forensics'] ?? '', 'utf8')
  expect(snapshot).toMatch(new RegExp(`^server-death identity=${of.identity} gen=${of.gen} `))
  expect(snapshot.endsWith('\n--- end\n')).toBe(true)
  return line
}

/** Waits until a generation is settled and checks that no death was recorded. */
export async function expectSilence(of: Watched, limitMs?: number): Promise<void> {
  await settled(of, limitMs)
  expect(claimOf(of)).toBeUndefined()
  expect(exits(of.recordDir).filter((line) => line['gen'] === of.gen)).toEqual([])
  const intents = join(of.recordDir, 'state', 'intent')
  await until('intents to be removed', () => readdirSync(intents).every((name) => !name.startsWith(key(of))))
}

/** Stops a server on purpose, as a program does. */
export async function stopOnPurpose(of: Watched): Promise<void> {
  const { identity, gen, recordDir } = of
  const declared = await declareIntent({ identity, gen, recordDir, by: 'test', why: 'teardown' })
  expect(declared.state).toBe('declared')
  await of.server.tmux('kill-server')
  await of.server.gone()
  await completeIntent({ identity, gen, recordDir })
}

export async function statusOf(of: Watched) {
  return canaryStatus({ identity: of.identity, recordDir: of.recordDir })
}

export const fixturePath = (name: string): string =>
  fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url))

/** Starts one of test/fixtures as a process, which uses the built package, with a JSON argument. */
export function startFixture(
  name: string,
  argument: unknown,
  env: NodeJS.ProcessEnv = process.env,
): ChildProcess {
  return spawn(process.execPath, [fixturePath(name), JSON.stringify(argument)], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
}

/** Returns a function that waits for a line of a fixture's output. */
export function linesOf(child: ChildProcess): (wanted: string) => Promise<string> {
  let text = ''
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  return (wanted) =>
    until(`${wanted} from a fixture`, () => text.split('\n').find((line) => line.startsWith(wanted)))
}

export const exited = (child: ChildProcess): Promise<void> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise((resolve) => child.once('exit', () => resolve()))

/** Kills the recorder alone, and waits until it is gone. */
export async function killRecorder(of: Watched): Promise<void> {
  const pid = recordOf(of)?.recorder.pid ?? 0
  process.kill(pid, 'SIGKILL')
  await until(
    'the recorder to exit',
    () => !existsSync(`/proc/${pid}`) || /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1')),
  )
}

/** Sends SIGCONT; does nothing if the process has exited. */
export function continueProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT')
  } catch (error) {
    expect(error).toMatchObject({ code: 'ESRCH' })
  }
}
