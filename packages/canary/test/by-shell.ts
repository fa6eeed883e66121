import { spawn } from 'node:child_process'
import { existsSync, lchownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { errnoOf } from '@iapeer/core/errors'
import { recordLayout } from '@iapeer/core/paths'
import { type ProcessId, parseProcessId, readBoot } from '@iapeer/core/process'
import { run, serverAt, startServer, type TestServer, until } from '@iapeer/dev/testing'
import { findTmux, findTool, scriptEnv, scriptPath } from '../src/process/spawn.ts'
import { generationInputs } from '../src/records/settle.ts'
import { installedScripts } from '../src/scripts/assets.ts'
import { linesOf, type Root, type Watched } from './support.ts'

/** The directory of the scripts. */
export const assets = fileURLToPath(new URL('../assets', import.meta.url))

/** A shell and its arguments. */
export type Shell = readonly [string, ...string[]]

const SHELLS: readonly Shell[] = [
  ['/bin/dash'],
  ['/bin/bash', '--posix'],
  ['/bin/busybox', 'ash'],
  ['/bin/mksh'],
  ['/bin/ksh93'],
]

/** The installed ones of the shells that recorders must run under. */
export const presentShells = SHELLS.filter(([file]) => existsSync(file))
/** Whether a recorder under this shell leaves the copy of shared evidence to a program. */
export const hasProgram = (shell: Shell): boolean => /dash|busybox/.test(shell[0])
const absent = SHELLS.filter(([file]) => !existsSync(file))
if (absent.length > 0)
  process.stderr.write(`skipped: not installed here: ${absent.map((shell) => shell.join(' ')).join(', ')}\n`)

/** A recorder that runs under a given shell, and its server. */
export interface ShellRecorder extends Watched {
  readonly recorderPid: number
  readonly uid: number | undefined
}

export interface ShellOptions {
  readonly root: Root
  readonly shell: Shell
  /** The user of the recorder, its server and their files. @default the user of this process */
  readonly uid?: number | undefined
  /** Its PATH. @default the PATH of the scripts */
  readonly path?: string
  /** Changes the copy of the scripts that it runs. */
  readonly prepare?: (lib: string) => void
  /** The program that it uses as tmux. */
  readonly tmux?: string
}

export const GEN = '0123456789abcdef'
export const IDENTITY = 'claude-bob'

/** Returns the command prefix that runs a command as this user. */
export const asUser = (uid: number | undefined): string[] =>
  uid === undefined ? [] : ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups']

/** Changes the owner of everything in a directory. */
export function own(path: string, uid: number | undefined): void {
  if (uid === undefined) return
  lchownSync(path, uid, uid)
  for (const name of readdirSync(path, { recursive: true })) {
    try {
      lchownSync(join(path, String(name)), uid, uid)
    } catch (error) {
      // It has been removed in the meantime.
      if (errnoOf(error) !== 'ENOENT') throw error
    }
  }
}

/** Creates the directories of a generation and returns the inputs of its recorder. */
async function inputsOf({ root, uid, prepare, tmux }: ShellOptions, server: ProcessId | undefined) {
  const layout = recordLayout(root)
  for (const directory of [layout.deathsDir, layout.canaryDir, layout.intentDir, layout.libDir])
    mkdirSync(directory, { recursive: true })
  const lib = join(layout.libDir, 'scripts')
  // Once: a recorder reads its script as it goes.
  if (!existsSync(lib)) {
    mkdirSync(lib)
    const { scripts } = await installedScripts()
    for (const [name, text] of scripts) writeFileSync(join(lib, name), text)
    prepare?.(lib)
  }
  own(root.path, uid)
  const generation = { identity: IDENTITY, gen: GEN, server, boot: await readBoot(), recorder: undefined }
  return { ...generationInputs(layout, generation, lib), IAPEER_TMUX: tmux ?? findTmux() }
}

/** Starts one of the copied scripts. */
function start(options: ShellOptions, script: string, env: NodeJS.ProcessEnv) {
  const lib = join(recordLayout(options.root).libDir, 'scripts')
  const [file = '', ...args] = [...asUser(options.uid), ...options.shell, join(lib, script)]
  const path = options.path === undefined ? {} : { PATH: options.path }
  return spawn(file, args, {
    env: { ...env, ...path },
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
    cwd: '/',
  })
}

/** Waits for the baseline and the removal of the pipe, the last steps of arming; until then a recorder starts processes. */
async function armed(of: ShellRecorder): Promise<ShellRecorder> {
  const { canaryDir } = recordLayout(of)
  const baseline = join(canaryDir, `${IDENTITY}-${GEN}.baseline`)
  await until(
    'the end of arming',
    () =>
      existsSync(baseline) &&
      readFileSync(baseline, 'utf8').includes('\noom_kill ') &&
      !readdirSync(canaryDir).some((name) => name.endsWith('.nap')),
  )
  return of
}

/** Starts a guard without waiting for its report. */
export async function startGuard(options: ShellOptions) {
  const inputs = {
    ...(await inputsOf(options, undefined)),
    IAPEER_SOCKET: options.root.socket(),
    IAPEER_SCRIPT_PATH: options.path ?? scriptPath(),
    IAPEER_SETSID: findTool('setsid') ?? '',
  }
  return start(options, 'guard.sh', { ...process.env, TMUX: '', ...inputs })
}

/** Starts a server whose guard runs under a given shell. */
export async function guardedBy(options: ShellOptions & { word?: string }): Promise<ShellRecorder> {
  const { root, uid } = options
  const guard = await startGuard(options)
  const line = linesOf(guard)
  const server = parseProcessId((await line('server ')).slice('server '.length))
  await line('started')
  if (server === undefined || guard.pid === undefined) throw new Error('no server')
  const handle = serverAt(root.socket(), server.pid)
  root.track(handle.end)
  // -N: an early client must not start another server.
  const args = ['-N', '-S', root.socket(), 'new-session', '-d', '-s', 'main', 'exec sleep 1000']
  const [file = '', ...rest] = [...asUser(uid), findTmux(), ...args]
  for (let tries = 0; (await run(file, rest, { env: { ...process.env, TMUX: '' } })).exitCode !== 0; tries++)
    if (tries > 200) throw new Error('tmux did not answer')
  guard.stdin.end(`${options.word ?? 'ready'}\n`)
  return armed({
    root,
    identity: IDENTITY,
    gen: GEN,
    recordDir: root.recordDir,
    server: handle,
    recorderPid: guard.pid,
    uid,
  })
}

/** Starts a watch of a server without waiting for its report. */
export async function startWatch(options: ShellOptions, server: TestServer) {
  const inputs = {
    ...(await inputsOf(options, server.id)),
    IAPEER_SOCKET: server.socketPath,
    IAPEER_SOCKET_ID: '-',
  }
  return start(options, 'watch.sh', scriptEnv(inputs))
}

/** Starts a server with a watch that runs under a given shell. */
export async function watchedBy(options: ShellOptions): Promise<ShellRecorder> {
  const { root, uid } = options
  own(root.path, uid)
  const server = await startServer(root.socket(), 'exec sleep 1000', asUser(uid))
  root.track(server.end)
  const recorder = await startWatch(options, server)
  await linesOf(recorder)('spawned')
  if (recorder.pid === undefined) throw new Error('no recorder')
  return armed({
    root,
    identity: IDENTITY,
    gen: GEN,
    recordDir: root.recordDir,
    server,
    recorderPid: recorder.pid,
    uid,
  })
}
