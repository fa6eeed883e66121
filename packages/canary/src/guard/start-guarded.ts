import { lstat, rm, stat, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { waitUntil } from '@iapeer/core/async'
import { errnoOf, IapeerError, type IapeerErrorDetails, receivedCode } from '@iapeer/core/errors'
import {
  identifyProcess,
  observeProcess,
  observeSocket,
  type ProcessId,
  readBoot,
  signalProcess,
} from '@iapeer/core/process'
import { findTmux, runTool, type ToolResult } from '../process/spawn.ts'
import { logLifecycle } from '../records/log.ts'
import {
  type CanaryOptions,
  checkedPlace,
  checkSocketPath,
  recordsAreOff,
  socketIdOf,
} from '../records/options.ts'
import { reconcileRecords } from '../records/reconcile.ts'
import { socketNoteOf } from '../records/state-file.ts'
import { installAssets, makeFolders } from '../scripts/assets.ts'
import type { Ensure } from '../watch/ensured.ts'
import { type Guard, startGuard } from './guard.ts'
import type { Launch } from './launch.ts'
import { endServer, removeGeneration } from './roll-back.ts'
import { witnessCommands } from './witness-aliases.ts'

/** How `startGuardedServer` starts a server. */
export interface GuardedServerOptions extends CanaryOptions {
  /** Path of the server's socket; it must not be in use. Its directory exists and belongs to this user. */
  readonly socketPath: string
  /** A tmux configuration, sourced by a client so that its errors are told. @default none, not even the person's own */
  readonly configFile?: string
  /** The server's environment, which its panes inherit. @default that of this process, without TMUX and TMUX_PANE */
  readonly env?: NodeJS.ProcessEnv
  /** The server's working folder. @default `/` */
  readonly cwd?: string
  /** Time limit for the whole start, in milliseconds. @default 5000 */
  readonly timeoutMs?: number
  /** tmux to use: a name looked up on the PATH, or an absolute path. @default `tmux` */
  readonly tmux?: string
}

/** A tmux server that was started, and its recorder. */
export interface GuardedServer {
  /** `watch`: tmux is older than 3.2, so it is an ordinary server with a watch. `none`: `IAPEER_RECORDS=off`. */
  readonly mode: 'guard' | 'watch' | 'none'
  /** The process of the tmux server. */
  readonly server: ProcessId
  /** The server's generation, 16 hex digits: one life of one server. Undefined in mode `none`. */
  readonly gen: string | undefined
  /** The process id of the recorder whose child the server is. Undefined unless the mode is `guard`. */
  readonly guardPid: number | undefined
  /** Whether guard and server have a systemd scope of their own. */
  readonly scope: 'own' | 'none'
}

const DEFAULT_TIMEOUT_MS = 5_000
const LONGEST_TIMEOUT_MS = 3_600_000

function refuse(code: IapeerErrorDetails['code'], message: string, hint: string, cause?: unknown): never {
  throw new IapeerError(message, { code, hint, cause })
}

/** Whether a process listens on a socket: a stopped server does too. */
const isAnswered = async (path: string): Promise<boolean> => (await observeSocket(path)) === 'listening'

/** Nothing of anybody else's may be on the path: a living server is left alone, and so is a file that is no socket. */
async function checkSocketIsFree(socketPath: string): Promise<void> {
  try {
    const found = await lstat(socketPath)
    if (!found.isSocket()) {
      refuse(
        'socket-path-occupied',
        `there is something at ${socketPath} that is no socket`,
        'Move it away, or use another path.',
      )
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return
    if (errnoOf(error) === undefined) throw error
    refuse(
      'socket-folder-unusable',
      `${socketPath} cannot be used`,
      'See that its folder exists and is yours.',
      error,
    )
  }
  const state = await observeSocket(socketPath)
  if (state === 'listening') socketTaken(socketPath)
  if (state === 'unknown')
    refuse(
      'socket-taken',
      `it cannot be told whether a tmux server lives at ${socketPath}; it is left alone`,
      'Use another socket path, or see that you may connect to this one.',
    )
}

function socketTaken(socketPath: string): never {
  return refuse(
    'socket-taken',
    `a tmux server lives at ${socketPath}; it is left alone`,
    'Use another socket path, or end that server yourself.',
  )
}

const left = (launch: Launch): number => Math.max(1, launch.deadline - performance.now())

function timedOut(launch: Launch, step: string): never {
  return refuse(
    'start-timeout',
    `the tmux server at ${launch.socketPath} did not start in time (${step})`,
    'Give it more timeoutMs, or see what the host is busy with.',
  )
}

/** The environment that tmux clients and the server get. */
function serverEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  // The recorders know mksh by KSH_VERSION, which every ksh sets itself.
  const { TMUX: _inside, TMUX_PANE: _pane, KSH_VERSION: _ksh, ...rest } = env
  return rest
}

async function client(launch: Launch, args: readonly string[]): Promise<ToolResult> {
  return runTool(launch.tmux, ['-S', launch.socketPath, ...args], { env: launch.env, limitMs: left(launch) })
}

async function socketIsThere(launch: Launch): Promise<true | undefined> {
  const there = async (): Promise<boolean> => {
    try {
      return (await lstat(launch.socketPath)).isSocket() && (await isAnswered(launch.socketPath))
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return false
      throw error
    }
  }
  return waitUntil<true>(there, { limitMs: left(launch), everyMs: 1 })
}

/** A path as an argument of source-file: it globs, and an argument that ends in `;` ends the command. */
const literally = (path: string): string => path.replace(/[[\]*?\\]/g, '\\$&').replace(/;$/, '\\;')

async function configure(launch: Launch, server: ProcessId, lib: string, statePath: string): Promise<void> {
  const witness = witnessCommands(join(lib, 'witness.sh'), statePath)
  const answer = await client(launch, ['display-message', '-p', '#{pid}', ';', ...witness])
  if (answer.timedOut) timedOut(launch, 'it does not answer')
  if (answer.stdout.trim() !== String(server.pid)) socketTaken(launch.socketPath)
  if (answer.exitCode !== 0)
    refuse(
      'tmux-refused',
      `tmux did not take its settings: ${answer.stderr.trim()}`,
      'See which tmux this is (tmux -V).',
    )
  if (launch.configFile === undefined) return
  const sourced = await client(launch, ['source-file', literally(launch.configFile)])
  if (sourced.timedOut) timedOut(launch, 'it is still reading its configuration')
  const said = `${sourced.stdout}${sourced.stderr}`.trim()
  if (sourced.exitCode !== 0 || said !== '')
    refuse('config-error', `tmux does not take ${launch.configFile}: ${said}`, 'Mend the line that it names.')
}

/** The guard's tmux has ended before it was ready: tell why. */
async function whyEnded(launch: Launch, guard: Guard): Promise<never> {
  const ended = await guard.ended
  if (await isAnswered(launch.socketPath)) socketTaken(launch.socketPath)
  const said = ended.message
  return refuse(
    'guard-ended',
    `tmux ended while it was being started (wait status ${ended.waitStatus})${said === '' ? '' : `: ${said}`}`,
    'Run the same tmux by hand to see more.',
  )
}

async function ready(launch: Launch, guard: Guard, lib: string, statePath: string): Promise<void> {
  const answered = await Promise.race([socketIsThere(launch), guard.ended.then(() => 'ended' as const)])
  if (answered === 'ended') await whyEnded(launch, guard)
  if (answered === undefined) timedOut(launch, 'its socket does not answer')
  await Promise.race([
    configure(launch, guard.server, lib, statePath),
    guard.ended.then(() => whyEnded(launch, guard)),
  ])
}

/** Ends what a failed start has made: the server, then the guard, which leaves by itself unless it is stopped. */
async function undo(launch: Launch, guard: Guard, gen: string): Promise<void> {
  guard.say('failed')
  await signalProcess(guard.process, 'SIGCONT')
  await endServer(guard.server)
  const over = async (): Promise<boolean> => (await observeProcess(guard.process)) === 'gone'
  if ((await waitUntil(over, { limitMs: 2_000 })) === undefined) await signalProcess(guard.process, 'SIGKILL')
  await removeGeneration(launch.layout, { identity: launch.identity, gen })
  // It was free before, and no process listens now: what is left of it is ours.
  const state = await observeSocket(launch.socketPath)
  if (state !== 'refused' && state !== 'absent') return
  for (const path of [launch.socketPath, `${launch.socketPath}.lock`]) await rm(path, { force: true })
}

async function startGuarded(launch: Launch): Promise<GuardedServer> {
  const { identity, layout, socketPath } = launch
  await makeFolders(layout)
  await reconcileRecords(layout, identity)
  await checkSocketIsFree(socketPath)
  const [lib, boot, { randomBytes }] = await Promise.all([
    installAssets(layout),
    readBoot(),
    import('node:crypto'),
  ])
  const gen = randomBytes(8).toString('hex')
  const guard = await startGuard(launch, { gen, boot, lib })
  try {
    await ready(launch, guard, lib, join(layout.canaryDir, `${identity}-${gen}`))
    await writeFile(socketNoteOf(layout, { identity, gen }), `${await socketIdOf(socketPath)}\n`, {
      mode: 0o600,
    })
  } catch (error) {
    await undo(launch, guard, gen)
    throw error
  }
  guard.say('ready')
  await logLifecycle(layout, { ev: 'canary', identity, gen, state: 'spawned', origin: 'launch' })
  return { mode: 'guard', server: guard.server, gen, guardPid: guard.process.pid, scope: guard.scope }
}

/** tmux before 3.2 has no `-D`: `tmux 3.1c` -> true. What prints no version is taken as new. */
function isOld(version: string): boolean {
  const [, major, minor] = /(\d+)\.(\d+)/.exec(version) ?? []
  return (
    major !== undefined &&
    minor !== undefined &&
    (Number(major) < 3 || (Number(major) === 3 && Number(minor) < 2))
  )
}

/** What each tmux said of its version, by path: it is asked once by a process. */
const oldness = new Map<string, boolean>()

async function isOldTmux(launch: Launch): Promise<boolean> {
  const known = oldness.get(launch.tmux)
  if (known !== undefined) return known
  const version = await runTool(launch.tmux, ['-V'], { env: launch.env, limitMs: left(launch) })
  const old = isOld(version.stdout)
  oldness.set(launch.tmux, old)
  return old
}

/** An ordinary server: it daemonises, so nobody here can be its parent. */
async function startOrdinary(launch: Launch): Promise<ProcessId> {
  await checkSocketIsFree(launch.socketPath)
  const config = launch.configFile ?? '/dev/null'
  const args = [
    '-f',
    config,
    'start-server',
    ';',
    'set-option',
    '-s',
    'exit-empty',
    'off',
    ';',
    'display-message',
    '-p',
    '#{pid}',
  ]
  const answer = await client(launch, args)
  const server = await identifyProcess(Number(answer.stdout.trim()))
  return (
    server ??
    refuse(
      'tmux-refused',
      `tmux did not start: ${answer.stderr.trim()}`,
      'Run the same tmux by hand to see more.',
    )
  )
}

async function startWatched(launch: Launch, ensure: Ensure): Promise<GuardedServer> {
  const { identity, layout, socketPath } = launch
  const server = await startOrdinary(launch)
  const { recordDir, stateDir, libDir } = layout
  const result = await ensure({ identity, socketPath, recordDir, stateDir, libDir, tmux: launch.tmux })
  const base = { server, guardPid: undefined, scope: 'none' } as const
  if (result.state === 'spawned' || result.state === 'already')
    return { mode: 'watch', gen: result.gen, ...base }
  if (result.state !== 'failed') return { mode: 'none', gen: undefined, ...base }
  await signalProcess(server, 'SIGKILL')
  return refuse(receivedCode(result.code), result.reason, 'The server was ended again.')
}

/**
 * As startGuardedServer of this package, which has the words.
 * @param ensure watches the server where tmux cannot be guarded
 */
export async function startGuardedServer(
  options: GuardedServerOptions,
  ensure: Ensure,
): Promise<GuardedServer> {
  const { identity, layout } = checkedPlace(options)
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS
  if (!(Number.isFinite(timeoutMs) && timeoutMs > 0 && timeoutMs <= LONGEST_TIMEOUT_MS)) {
    refuse(
      'invalid-options',
      `not a time limit: ${String(timeoutMs)}`,
      `Give milliseconds, up to ${LONGEST_TIMEOUT_MS}.`,
    )
  }
  const launch: Launch = {
    identity,
    layout,
    socketPath: checkSocketPath(options.socketPath),
    tmux: findTmux(options.tmux),
    env: serverEnv(options.env ?? process.env),
    cwd: resolve(options.cwd ?? '/'),
    configFile: options.configFile === undefined ? undefined : resolve(options.configFile),
    deadline: performance.now() + timeoutMs,
  }
  try {
    const folder = await stat(launch.cwd).catch((error: unknown) => {
      if (errnoOf(error) === undefined) throw error
      return undefined
    })
    if (folder?.isDirectory() !== true)
      refuse('cwd-missing', `${launch.cwd} is no folder that can be used`, 'Make it, or name another cwd.')
    if (recordsAreOff()) return await startWatched(launch, ensure)
    return (await isOldTmux(launch)) ? await startWatched(launch, ensure) : await startGuarded(launch)
  } catch (error) {
    if (error instanceof IapeerError || errnoOf(error) === undefined) throw error
    const said = error instanceof Error ? error.message : String(error)
    return refuse(
      'record-dir-unwritable',
      `cannot keep records in ${layout.recordDir}: ${said}`,
      'See that the folder is yours and has room.',
      error,
    )
  }
}
