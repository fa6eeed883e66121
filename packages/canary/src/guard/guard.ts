import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf, IapeerError } from '@iapeer/core/errors'
import { identifyProcess, type ProcessId, parseProcessId } from '@iapeer/core/process'
import { findTool, runTool, type StartedRecorder, scriptPath, startDetached } from '../process/spawn.ts'
import { generationInputs } from '../records/settle.ts'
import type { Launch } from './launch.ts'
import { endServer, removeGeneration } from './roll-back.ts'

/** How a server ended before it was ready. */
interface EarlyEnd {
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
    hint: 'See that the record directory can be written.',
  })
}

/** What a guard has said so far. */
interface Said {
  server: ProcessId | undefined
}

/** Reads `server <pid>:<token>` and then `started`; what it has learned is in `said` even when it fails. */
async function readStart(recorder: StartedRecorder, limitMs: number, said: Said): Promise<ProcessId> {
  const late = new Promise<'late'>((resolve) => setTimeout(resolve, limitMs, 'late').unref())
  for (;;) {
    const next = await Promise.race([recorder.lines.next(), late])
    if (next === 'late') return guardFailed('it did not report in time')
    const line = next.done === true ? '' : next.value
    if (line.startsWith('server ')) said.server = parseProcessId(line.slice('server '.length))
    else if (line === 'started' && said.server !== undefined) return said.server
    else return guardFailed(line.replace(/^failed /, '') || 'it ended without a word')
  }
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

/** Undoes what a guard has begun that never said that it has started. */
async function endUnfinished(recorder: StartedRecorder, said: Said): Promise<void> {
  recorder.say('failed')
  recorder.endGroup()
  if (said.server !== undefined) await endServer(said.server)
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
  const prefix = await scopePrefix(launch.env)
  const argv = [...prefix, '/bin/sh', join(made.lib, 'guard.sh')]
  const [file = '/bin/sh', ...args] = argv
  const recorder = await startDetached([file, ...args], {
    env: { ...launch.env, ...inputs },
    cwd: launch.cwd,
    input: true,
  })
  const guard = await identifyProcess(recorder.pid)
  const said: Said = { server: undefined }
  const limitMs = Math.max(1, launch.deadline - performance.now())
  const server = await readStart(recorder, limitMs, said).catch(async (error: unknown) => {
    await endUnfinished(recorder, said)
    await removeGeneration(layout, { identity, gen: made.gen })
    throw error
  })
  if (guard === undefined) return guardFailed('it ended at once')
  const say = (word: 'ready' | 'failed'): void => {
    recorder.say(word)
    recorder.release()
  }
  return { process: guard, server, scope: prefix.length > 0 ? 'own' : 'none', ended: readEnd(recorder), say }
}
