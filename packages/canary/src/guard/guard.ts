import { join } from 'node:path'
import { type AgentLeaf, leafBeside, readCgroups } from '@iapeer/core/cgroup'
import { errnoOf, IapeerError, isIapeerError } from '@iapeer/core/errors'
import {
  identifyProcess,
  type ProcessId,
  parseProcessId,
  readProcessTable,
  signalProcess,
} from '@iapeer/core/process'
import { findTool, type StartedRecorder, scriptPath, startDetached } from '../process/spawn.ts'
import { generationInputs } from '../records/settle.ts'
import type { Launch } from './launch.ts'
import { removeGeneration, stopServer } from './roll-back.ts'
import { findScope, plainStart, SCOPE_LIMIT_MS, type Scope } from './scope.ts'

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
  /** The cgroup that was made for the leader. */
  readonly leaf: AgentLeaf | undefined
  /** Why there is none. */
  readonly uncontained: string | undefined
  /** Resolves if the server exits before the launcher has released the guard. */
  readonly exited: Promise<EarlyExit>
  readonly say: (word: 'ready' | 'failed') => void
}

function guardFailed(reason: string): never {
  throw new IapeerError(`the guard did not start: ${reason}`, {
    code: 'guard-failed',
    hint: 'Check that the record directory is writable.',
  })
}

/** What a guard has reported so far. */
interface Reported {
  /** Whether it has printed a line, so that it is this guard and not a service manager that is slow. */
  spoke: boolean
  server: ProcessId | undefined
}

const lateAfter = (limitMs: number): Promise<'late'> =>
  new Promise((resolve) => setTimeout(resolve, limitMs, 'late').unref())

/** Returns whether a process runs in a unit, or in a cgroup inside it. */
async function isIn(unit: string, pid: number): Promise<boolean> {
  return (await readCgroups(pid)).some(({ path }) => path.split('/').includes(unit))
}

/** Reads `server <pid>:<token>`, then `started`. Fills in `reported` even when it throws. */
async function readStart(
  recorder: StartedRecorder,
  options: { readonly limitMs: number; readonly unit: string | undefined },
  reported: Reported,
): Promise<ProcessId> {
  const { limitMs, unit } = options
  const late = lateAfter(limitMs)
  let line = recorder.lines.next()
  if (unit !== undefined && (await Promise.race([line, lateAfter(SCOPE_LIMIT_MS), late])) === 'late')
    if (!(await isIn(unit, recorder.pid))) return guardFailed('systemd-run did not start it in time')
  for (;;) {
    const next = await Promise.race([line, late])
    if (next === 'late') return guardFailed('it did not report in time')
    reported.spoke ||= next.done !== true
    const text = next.done === true ? '' : next.value
    if (text.startsWith('server ')) reported.server = parseProcessId(text.slice('server '.length))
    else if (text === 'started' && reported.server !== undefined) return reported.server
    else return guardFailed(text.replace(/^failed /, '') || 'it exited without a report')
    line = recorder.lines.next()
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

/** What a start of a guard needs besides the launch. `lib` is the directory of the installed scripts. */
export interface GuardInput {
  readonly gen: string
  readonly boot: string
  readonly lib: string
  readonly cpuWeight?: number | undefined
}

/** Returns the cgroup for the leader that a guard in a scope has made, or why there is none. */
async function leafFor(guard: ProcessId, { unit, why }: Scope): Promise<Pick<Guard, 'leaf' | 'uncontained'>> {
  if (unit === undefined) return { leaf: undefined, uncontained: why }
  const leaf = leafBeside(await readCgroups(guard.pid))
  return { leaf, uncontained: leaf === undefined ? `no cgroup could be made in ${unit}` : undefined }
}

/**
 * What a guard is started with, so that it need not ask the system for memory when it reads the code of a record: glibc reserves so many
 * bytes with its first allocation, and uses none of them until then (mallopt(3), `M_TOP_PAD`). guard.sh hides it from the server.
 */
const GUARD_MEMORY: NodeJS.ProcessEnv = process.platform === 'linux' ? { MALLOC_TOP_PAD_: '524288' } : {}

/** Starts a guard in a scope, or plain. Fills in `reported` even when it throws. */
async function startIn(
  scope: Scope,
  { launch, made }: { readonly launch: Launch; readonly made: GuardInput },
  reported: Reported,
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
  const argv = [...scope.prefix, '/bin/sh', join(made.lib, 'guard.sh')]
  const [file = '/bin/sh', ...args] = argv
  const recorder = await startDetached([file, ...args], {
    env: { ...GUARD_MEMORY, ...launch.env, ...inputs },
    cwd: launch.cwd,
    input: true,
  })
  const guard = await identifyProcess(recorder.pid)
  const limitMs = Math.max(1, launch.deadline - performance.now())
  const server = await readStart(recorder, { limitMs, unit: scope.unit }, reported).catch(
    async (error: unknown) => {
      await abortStart(recorder, guard, reported)
      await removeGeneration(layout, { identity, gen: made.gen })
      throw error
    },
  )
  if (guard === undefined) return guardFailed('it exited immediately')
  const say = (word: 'ready' | 'failed'): void => {
    recorder.say(word)
    recorder.release()
  }
  return {
    process: guard,
    server,
    scope: scope.unit === undefined ? 'none' : 'own',
    ...(await leafFor(guard, scope)),
    exited: readEarlyExit(recorder),
    say,
  }
}

/**
 * Starts a guard and its server: in a systemd scope, and plain where systemd makes none in time.
 * @throws IapeerError `guard-failed`, `cannot-run`
 */
export async function startGuard(launch: Launch, made: GuardInput): Promise<Guard> {
  const { gen, lib, cpuWeight } = made
  const scope = await findScope(launch.env, { identity: launch.identity, gen, lib, cpuWeight })
  const reported: Reported = { spoke: false, server: undefined }
  const start = { launch, made }
  if (scope.unit === undefined) return startIn(scope, start, reported)
  try {
    return await startIn(scope, start, reported)
  } catch (error) {
    if (!isIapeerError(error) || error.code !== 'guard-failed' || reported.spoke) throw error
    const why = 'the systemd user manager made no scope when it was asked for one'
    return startIn(plainStart(why), start, reported)
  }
}
