import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf, IapeerError } from '@iapeer/core/errors'
import {
  identifyProcess,
  type ProcessId,
  parseProcessId,
  readProcessTable,
  signalProcess,
} from '@iapeer/core/process'
import { findTool, runTool, type StartedRecorder, scriptPath, startDetached } from '../process/spawn.ts'
import { generationInputs } from '../records/settle.ts'
import type { Launch } from './launch.ts'
import { removeGeneration, stopServer } from './roll-back.ts'

/** How a server exited before it was ready. */
interface EarlyExit {
  readonly waitStatus: string
  /** The first line that tmux printed. */
  readonly message: string
}

/** A guard that has started its server. */
export interface Guard {
  readonly process: ProcessId
  readonly server: ProcessId
  readonly scope: 'own' | 'none'
  /** Resolves if the server exits before the launcher has released the guard. */
  readonly exited: Promise<EarlyExit>
  readonly say: (word: 'ready' | 'failed') => void
}

const SCOPE_LIMIT_MS = 2_000

/**
 * Returns the command prefix that gives guard and server a systemd scope of their own, so that an oomd kill, a unit stop or
 * a logout does not kill them with their cgroup. The server stays the guard's child. Empty without a user manager
 * (systemd-run(1)).
 */
async function scopePrefix(
  env: NodeJS.ProcessEnv,
  { identity, gen }: { readonly identity: string; readonly gen: string },
): Promise<string[]> {
  const runtime = env['XDG_RUNTIME_DIR']
  if (runtime === undefined || !existsSync(join(runtime, 'systemd', 'private'))) return []
  const file = 'systemd-run'
  const common = ['--user', '--scope', '--quiet', '--collect', '-p', 'OOMPolicy=continue']
  // A name that a person recognises in systemd-cgls and oomctl.
  const named = [`--unit=iapeer-${identity}-${gen}`, `--description=iapeer: ${identity}`]
  try {
    const tried = await runTool(file, [...common, '--', 'true'], { env, limitMs: SCOPE_LIMIT_MS })
    return tried.exitCode === 0 ? [file, ...common, ...named, '--'] : []
  } catch (error) {
    if (error instanceof IapeerError && error.code === 'cannot-run') return []
    throw error
  }
}

function guardFailed(reason: string): never {
  throw new IapeerError(`the guard did not start: ${reason}`, {
    code: 'guard-failed',
    hint: 'Check that the record directory is writable.',
  })
}

/** What a guard has reported so far. */
interface Reported {
  server: ProcessId | undefined
}

/** Reads `server <pid>:<token>`, then `started`. Fills in `reported` even when it throws. */
async function readStart(recorder: StartedRecorder, limitMs: number, reported: Reported): Promise<ProcessId> {
  const late = new Promise<'late'>((resolve) => setTimeout(resolve, limitMs, 'late').unref())
  for (;;) {
    const next = await Promise.race([recorder.lines.next(), late])
    if (next === 'late') return guardFailed('it did not report in time')
    const line = next.done === true ? '' : next.value
    if (line.startsWith('server ')) reported.server = parseProcessId(line.slice('server '.length))
    else if (line === 'started' && reported.server !== undefined) return reported.server
    else return guardFailed(line.replace(/^failed /, '') || 'it exited without a report')
  }
}

async function readEarlyExit(recorder: StartedRecorder): Promise<EarlyExit> {
  const next = await recorder.lines.next().catch((error: unknown) => {
    // The launcher released the guard during this wait: the server is ready.
    if (errnoOf(error) !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
    return { done: true } as const
  })
  const [, waitStatus, message] =
    (next.done === true ? undefined : /^ended (\S+) ?(.*)$/.exec(next.value)) ?? []
  return { waitStatus: waitStatus ?? 'unknown', message: message ?? '' }
}

/**
 * Finds the processes that a guard has started: its server, if the guard was too slow to report it. The server leaves the process
 * group of the guard at once, so that killing the group does not stop it. The guard is stopped first: a stopped process
 * starts no other one.
 */
async function childrenOf(guard: ProcessId): Promise<ProcessId[]> {
  await signalProcess(guard, 'SIGSTOP')
  const children = (await readProcessTable()).filter(({ ppid }) => ppid === guard.pid)
  const identified = await Promise.all(children.map(({ pid }) => identifyProcess(pid)))
  return identified.filter((child) => child !== undefined)
}

/** Kills a guard that has not reported `started`, and its server. */
async function abortStart(
  recorder: StartedRecorder,
  guard: ProcessId | undefined,
  { server }: Reported,
): Promise<void> {
  recorder.say('failed')
  const children = server !== undefined ? [server] : guard === undefined ? [] : await childrenOf(guard)
  recorder.killGroup()
  await Promise.all(children.map(stopServer))
  recorder.release()
}

/** Starts a guard and its server. @throws IapeerError `guard-failed`, `cannot-run` */
export async function startGuard(
  launch: Launch,
  made: { gen: string; boot: string; lib: string },
): Promise<Guard> {
  const { identity, layout } = launch
  const generation = { identity, gen: made.gen, server: undefined, recorder: undefined, boot: made.boot }
  const inputs = {
    ...generationInputs(layout, generation, made.lib),
    IAPEER_SOCKET: launch.socketPath,
    IAPEER_TMUX: launch.tmux,
    IAPEER_SCRIPT_PATH: scriptPath(),
    IAPEER_SETSID: findTool('setsid') ?? '',
  }
  const prefix = await scopePrefix(launch.env, { identity, gen: made.gen })
  const argv = [...prefix, '/bin/sh', join(made.lib, 'guard.sh')]
  const [file = '/bin/sh', ...args] = argv
  const recorder = await startDetached([file, ...args], {
    env: { ...launch.env, ...inputs },
    cwd: launch.cwd,
    input: true,
  })
  const guard = await identifyProcess(recorder.pid)
  const reported: Reported = { server: undefined }
  const limitMs = Math.max(1, launch.deadline - performance.now())
  const server = await readStart(recorder, limitMs, reported).catch(async (error: unknown) => {
    await abortStart(recorder, guard, reported)
    await removeGeneration(layout, { identity, gen: made.gen })
    throw error
  })
  if (guard === undefined) return guardFailed('it exited immediately')
  const say = (word: 'ready' | 'failed'): void => {
    recorder.say(word)
    recorder.release()
  }
  return {
    process: guard,
    server,
    scope: prefix.length > 0 ? 'own' : 'none',
    exited: readEarlyExit(recorder),
    say,
  }
}
