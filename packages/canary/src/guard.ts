import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf, IapeerError } from '@iapeer/core/errors'
import { identifyProcess, type ProcessId, parseProcessId } from '@iapeer/core/process'
import { generationInputs } from './settle.ts'
import { runTool, type StartedRecorder, scriptPath, startDetached } from './spawn.ts'
import type { Launch } from './start-guarded.ts'

/** How a server ended before it was ready. */
export interface EarlyEnd {
  readonly waitStatus: string
  /** The first line that tmux printed. */
  readonly message: string
}

/** A guard that has started its server. */
export interface Guard {
  readonly process: ProcessId
  readonly server: ProcessId
  readonly scope: 'own' | 'none'
  /** Resolves when the server ends before the guard was let go. */
  readonly ended: Promise<EarlyEnd>
  readonly say: (word: 'ready' | 'failed') => void
}

const SCOPE_LIMIT_MS = 2_000

/**
 * Guard and server share a fate with their cgroup: an oomd kill, a unit stop, a logout. Under systemd they get a scope of
 * their own, which keeps the parentage; empty where there is no user manager to make one (systemd-run(1)).
 */
async function scopePrefix(env: NodeJS.ProcessEnv): Promise<string[]> {
  const runtime = env['XDG_RUNTIME_DIR']
  if (runtime === undefined || !existsSync(join(runtime, 'systemd', 'private'))) return []
  const prefix = [
    'systemd-run',
    '--user',
    '--scope',
    '--quiet',
    '--collect',
    '-p',
    'OOMPolicy=continue',
    '--',
  ]
  const [file = '', ...args] = [...prefix, 'true']
  try {
    const tried = await runTool(file, args, { env, limitMs: SCOPE_LIMIT_MS })
    return tried.exitCode === 0 ? prefix : []
  } catch (error) {
    if (error instanceof IapeerError && error.code === 'cannot-run') return []
    throw error
  }
}

function guardFailed(reason: string): never {
  throw new IapeerError(`the guard did not start: ${reason}`, {
    code: 'guard-failed',
    hint: 'See that the record folder can be written.',
  })
}

async function readStart(recorder: StartedRecorder): Promise<ProcessId> {
  const first = await recorder.lines.next()
  const line = first.done === true ? '' : first.value
  const server = line.startsWith('started ') ? parseProcessId(line.slice('started '.length)) : undefined
  if (server !== undefined) return server
  recorder.endGroup()
  return guardFailed(line.replace(/^failed /, '') || 'it ended without a word')
}

async function readEnd(recorder: StartedRecorder): Promise<EarlyEnd> {
  const next = await recorder.lines.next().catch((error: unknown) => {
    // Let go while it was being waited for: the server is ready, and its end is the guard's business alone.
    if (errnoOf(error) !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
    return { done: true } as const
  })
  const [, waitStatus, message] =
    (next.done === true ? undefined : /^ended (\S+) ?(.*)$/.exec(next.value)) ?? []
  return { waitStatus: waitStatus ?? 'unknown', message: message ?? '' }
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
  }
  const prefix = await scopePrefix(launch.env)
  const argv = [...prefix, '/bin/sh', join(made.lib, 'guard.sh')]
  const [file = '/bin/sh', ...args] = argv
  const recorder = await startDetached([file, ...args], {
    env: { ...launch.env, ...inputs },
    cwd: launch.cwd,
    input: true,
  })
  const server = await readStart(recorder)
  const guard = await identifyProcess(recorder.pid)
  if (guard === undefined) return guardFailed('it ended at once')
  const say = (word: 'ready' | 'failed'): void => {
    recorder.say(word)
    recorder.release()
  }
  return { process: guard, server, scope: prefix.length > 0 ? 'own' : 'none', ended: readEnd(recorder), say }
}
