import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from './run.ts'
import { serverAt, type TestServer } from './tmux-server.ts'
import { until } from './until.ts'

/** The recorders of commit 8db4440. They may still run when a newer iapeer reads or completes their records. */
const SCRIPTS = fileURLToPath(new URL('../../fixtures/scripts-8db4440', import.meta.url))
const TOOLS = '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin'

/** The identity of an old recorder and the paths of its files. */
export interface OldLocation {
  readonly identity: string
  /** 16 hex digits. */
  readonly gen: string
  readonly recordDir: string
  readonly stateDir: string
  readonly libDir: string
  readonly socketPath: string
  /** The result of `readBoot()`. */
  readonly boot: string
}

export interface OldRecorder extends OldLocation {
  readonly recorderPid: number
  readonly server: TestServer
  readonly statePath: string
}

function prepare(location: OldLocation): { lib: string; inputs: Record<string, string> } {
  const { recordDir, stateDir, libDir } = location
  for (const path of [join(recordDir, 'server-deaths'), join(stateDir, 'canary'), join(stateDir, 'intent')])
    mkdirSync(path, { recursive: true, mode: 0o700 })
  // The name of an installed copy has 16 hex digits.
  const lib = join(libDir, '8db4440000000000')
  cpSync(SCRIPTS, lib, { recursive: true })
  const inputs = {
    IAPEER_IDENTITY: location.identity,
    IAPEER_GEN: location.gen,
    IAPEER_RECORD_DIR: recordDir,
    IAPEER_STATE_DIR: stateDir,
    IAPEER_LIB: lib,
    IAPEER_PLATFORM: process.platform,
    IAPEER_BOOT: location.boot,
    IAPEER_SOCKET: location.socketPath,
  }
  return { lib, inputs }
}

async function pathOf(tool: string): Promise<string> {
  return (await run('sh', ['-c', 'command -v "$1"', 'sh', tool])).stdout.trim()
}

function start(script: string, env: NodeJS.ProcessEnv) {
  const child = spawn('/bin/sh', [script], {
    env,
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  const line = (wanted: string): Promise<string> =>
    until(`${wanted} from an old recorder`, () => text.split('\n').find((one) => one.startsWith(wanted)))
  return { child, line }
}

/** Starts a server, without a session, under a guard of commit 8db4440. */
export async function startOldGuard(location: OldLocation): Promise<OldRecorder> {
  const { lib, inputs } = prepare(location)
  const own = {
    IAPEER_SERVER: 'unknown:unknown',
    IAPEER_TMUX: await pathOf('tmux'),
    IAPEER_SCRIPT_PATH: TOOLS,
    IAPEER_SETSID: await pathOf('setsid'),
  }
  const { child, line } = start(join(lib, 'guard.sh'), { ...process.env, TMUX: '', ...inputs, ...own })
  const [pid] = (await line('server ')).slice('server '.length).split(':')
  await line('started')
  const server = serverAt(location.socketPath, Number(pid))
  await until(
    'its tmux to answer',
    async () => (await server.tmux('display-message', '-p', 'x')).exitCode === 0,
  )
  const statePath = join(location.stateDir, 'canary', `${location.identity}-${location.gen}`)
  await server.tmux('set-environment', '-gh', 'IAPEER_WITNESS', join(lib, 'witness.sh'))
  await server.tmux('set-environment', '-gh', 'IAPEER_WITNESS_STATE', statePath)
  child.stdin.end('ready\n')
  return { ...location, recorderPid: child.pid ?? 0, server, statePath }
}

/** Watches a running server with a watch of commit 8db4440. */
export async function startOldWatch(location: OldLocation, server: TestServer): Promise<OldRecorder> {
  const { lib, inputs } = prepare(location)
  const own = {
    IAPEER_SERVER: `${server.id.pid}:${server.id.token}`,
    IAPEER_TMUX: await pathOf('tmux'),
    IAPEER_SOCKET_ID: '-',
    PATH: TOOLS,
  }
  const { child, line } = start(join(lib, 'watch.sh'), { ...inputs, ...own })
  await line('spawned')
  const statePath = join(location.stateDir, 'canary', `${location.identity}-${location.gen}`)
  return { ...location, recorderPid: child.pid ?? 0, server, statePath }
}

/** The session of a peer, made like commit 8db4440 makes it. */
export interface OldLeader {
  readonly sessionId: string
  readonly paneId: string
  readonly pid: number
}

const RUN_HOOK =
  "exec /bin/sh #{q:IAPEER_HOOK} #{q:IAPEER_HOOK_STATE} #{pane_id} #{pane_pid} '#{pane_dead_status}' '#{pane_dead_signal}' #{q:IAPEER_HOOK_SESSION}"

/** Starts the leader of a peer in a server of {@link startOldGuard}. */
export async function startOldLeader(of: OldRecorder, command: readonly string[]): Promise<OldLeader> {
  const directory = join(of.libDir, 'hook-8db4440000000000')
  mkdirSync(directory, { recursive: true })
  const hook = join(directory, 'exit-hook.sh')
  writeFileSync(hook, readFileSync(join(SCRIPTS, 'exit-hook.sh')))
  symlinkSync(hook, `${of.statePath}.hook`)
  const variables = { IAPEER_HOOK: hook, IAPEER_HOOK_STATE: of.statePath, IAPEER_HOOK_SESSION: '$0' }
  const format = '#{session_id} #{pane_id} #{pane_pid}'
  const made = await of.server.tmux(
    ...[
      '-u',
      '-N',
      'new-session',
      '-d',
      '-P',
      '-F',
      format,
      '-s',
      of.identity,
      '-c',
      '/',
      '--',
      ...command,
      ';',
    ],
    ...Object.entries(variables).flatMap(([name, value]) => ['set-environment', '-gh', name, value, ';']),
    ...[
      'set-option',
      '-p',
      'remain-on-exit',
      'on',
      ';',
      'set-hook',
      '-p',
      'pane-died',
      `run-shell "${RUN_HOOK}"`,
    ],
    ...[';', 'set-option', '-s', 'exit-empty', 'on'],
  )
  const [sessionId = '', paneId = '', pid] = made.stdout.trim().split(' ')
  if (made.exitCode !== 0) throw new Error(made.stderr)
  writeFileSync(`${of.statePath}.leader`, `${pid}\n`, { mode: 0o600 })
  return { sessionId, paneId, pid: Number(pid) }
}
