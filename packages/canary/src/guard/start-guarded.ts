import { stat, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { AgentLeaf } from '@iapeer/core/cgroup'
import { errnoOf, IapeerError } from '@iapeer/core/errors'
import { readBoot } from '@iapeer/core/process'
import { findTmux } from '../process/spawn.ts'
import { logLifecycle } from '../records/log.ts'
import { checkedLocation, checkSocketPath, recordsAreOff, socketIdOf } from '../records/options.ts'
import { reconcileRecords } from '../records/reconcile.ts'
import { socketNoteOf } from '../records/state-file.ts'
import { installAssets, makeDirectories } from '../scripts/assets.ts'
import type { Ensure } from '../watch/ensured.ts'
import { ready } from './configure.ts'
import { startGuard } from './guard.ts'
import type { GuardedServer, GuardedServerOptions } from './guarded-server.ts'
import { type Launch, refuse } from './launch.ts'
import { checkSocketIsFree } from './socket.ts'
import { startWatched } from './start-watched.ts'
import { isOldTmux } from './tmux-version.ts'
import { undoStart } from './undo-start.ts'

const DEFAULT_TIMEOUT_MS = 5_000
const LONGEST_TIMEOUT_MS = 3_600_000

/** Returns the environment of the server and of the tmux clients that configure it. */
function serverEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  // The recorders recognise mksh by KSH_VERSION, which every ksh sets itself.
  const { TMUX: _inside, TMUX_PANE: _pane, KSH_VERSION: _ksh, ...rest } = env
  return rest
}

/** Returns the words before the command of a leader. On macOS there is neither a cgroup nor an oom_score_adj. */
function leaderPrefix(lib: string, leaf: AgentLeaf | undefined): string[] {
  if (process.platform !== 'linux') return []
  const directories = leaf?.groups.map(({ directory }) => directory) ?? []
  return ['/bin/sh', join(lib, 'leader.sh'), ...directories, '--']
}

async function startGuarded(launch: Launch, cpuWeight: number | undefined): Promise<GuardedServer> {
  const { identity, layout, socketPath } = launch
  await makeDirectories(layout)
  await reconcileRecords(layout, identity)
  await checkSocketIsFree(socketPath)
  const [lib, boot, { randomBytes }] = await Promise.all([
    installAssets(layout),
    readBoot(),
    import('node:crypto'),
  ])
  const gen = randomBytes(8).toString('hex')
  const guard = await startGuard(launch, { gen, boot, lib, cpuWeight })
  const { leaf, uncontained } = guard
  try {
    await ready(launch, guard, lib, join(layout.canaryDir, `${identity}-${gen}`))
    await writeFile(socketNoteOf(layout, { identity, gen }), `${await socketIdOf(socketPath)}\n`, {
      mode: 0o600,
    })
  } catch (error) {
    await undoStart(launch, guard, gen)
    throw error
  }
  guard.say('ready')
  await logLifecycle(layout, {
    ...{ ev: 'canary', identity, gen, state: 'spawned', origin: 'launch' },
    ...(uncontained === undefined ? {} : { uncontained }),
  })
  return {
    ...{ mode: 'guard', server: guard.server, gen, guardPid: guard.process.pid, scope: guard.scope },
    ...{ leaf, uncontained, leaderPrefix: leaderPrefix(lib, leaf) },
  }
}

/**
 * Implements {@link startGuardedServer} of `start-guarded-server.ts`, documented there.
 * @param ensure watches the server if this tmux cannot run under a guard
 */
export async function startGuardedServer(
  options: GuardedServerOptions,
  ensure: Ensure,
): Promise<GuardedServer> {
  const { identity, layout } = checkedLocation(options)
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS
  if (!(Number.isFinite(timeoutMs) && timeoutMs > 0 && timeoutMs <= LONGEST_TIMEOUT_MS)) {
    refuse(
      'invalid-options',
      `invalid timeoutMs: ${String(timeoutMs)}`,
      `Pass milliseconds above 0, at most ${LONGEST_TIMEOUT_MS}.`,
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
    const directory = await stat(launch.cwd).catch((error: unknown) => {
      if (errnoOf(error) === undefined) throw error
      return undefined
    })
    if (directory?.isDirectory() !== true)
      refuse('cwd-missing', `${launch.cwd} is not a usable directory`, 'Create it, or pass another cwd.')
    if (recordsAreOff()) return await startWatched(launch, ensure)
    return (await isOldTmux(launch))
      ? await startWatched(launch, ensure)
      : await startGuarded(launch, options.cpuWeight)
  } catch (error) {
    if (error instanceof IapeerError || errnoOf(error) === undefined) throw error
    const message = error instanceof Error ? error.message : String(error)
    return refuse(
      'record-dir-unwritable',
      `cannot write records in ${layout.recordDir}: ${message}`,
      'Check that you own the directory and that its disk has space.',
      error,
    )
  }
}
