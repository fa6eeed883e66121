import { join } from 'node:path'
import { ensureCanary, startGuardedServer } from '@iapeer/canary'
import type { ProcessId } from '@iapeer/core/process'
import { runTmux, type TmuxResult } from '@iapeer/tmux'
import { drillFailed } from '../errors.ts'
import { startPlainServer } from './plain-server.ts'
import { recorderOf } from './recorder-state.ts'
import type { ServerSite } from './site.ts'

const TMUX_MS = 20_000
const START_MS = 30_000

/** A tmux server with a recorder. */
export interface RecordedServer {
  readonly site: ServerSite
  /** The identity that it is recorded as, which is also the name of its session. */
  readonly identity: string
  readonly gen: string
  readonly socketPath: string
  readonly mode: 'guard' | 'watch'
  readonly server: ProcessId
}

const socketOf = ({ directory }: ServerSite, identity: string): string => join(directory, `${identity}.sock`)

/** Runs a tmux client on a server. The result of a client that fails is returned too. */
export function tmuxOn(
  { socketPath }: Pick<RecordedServer, 'socketPath'>,
  ...args: string[]
): Promise<TmuxResult> {
  return runTmux({ socketPath, args, timeoutMs: TMUX_MS })
}

/**
 * Starts a tmux server as the child of a guard, with one session.
 * @param program what runs in the session: the arguments of a program, or one shell command
 * @throws IapeerError `drill-failed`, those of `startGuardedServer`
 */
export async function startGuarded(
  site: ServerSite,
  identity: string,
  program: readonly string[],
): Promise<RecordedServer> {
  const socketPath = socketOf(site, identity)
  const request = { identity, socketPath, ...site.location, timeoutMs: START_MS }
  const { gen, server, mode } = await startGuardedServer(request)
  site.processes.add(server)
  if (gen === undefined || mode === 'none') throw drillFailed('IAPEER_RECORDS=off turns recording off')
  const started: RecordedServer = { site, identity, gen, socketPath, mode, server }
  await recorderOf(started)
  const session = ['-N', 'new-session', '-d', '-s', identity, '-c', site.directory, ...program]
  const { exitCode, stderr } = await tmuxOn(started, ...session, ';', 'set-option', '-s', 'exit-empty', 'on')
  if (exitCode !== 0) throw drillFailed(`tmux could not create a session (${stderr.trim()})`)
  return started
}

/** Watches a server under an identity. @throws IapeerError `drill-failed` */
async function watch(server: Omit<RecordedServer, 'gen' | 'mode'>): Promise<RecordedServer> {
  const { site, identity, socketPath } = server
  const armed = await ensureCanary({ identity, socketPath, ...site.location })
  if (armed.state !== 'spawned') throw drillFailed(`no watch was armed: ${JSON.stringify(armed)}`)
  const watched: RecordedServer = { ...server, gen: armed.gen, mode: 'watch' }
  await recorderOf(watched)
  return watched
}

/** Starts an ordinary tmux server, and watches it. @throws IapeerError `drill-failed` */
export async function startWatched(site: ServerSite, identity: string): Promise<RecordedServer> {
  const socketPath = socketOf(site, identity)
  const server = await startPlainServer({ socketPath, processes: site.processes, session: identity })
  return watch({ site, identity, socketPath, server })
}

/** Watches a server under a second identity. @throws IapeerError `drill-failed` */
export const watchAlsoAs = (
  { site, socketPath, server }: RecordedServer,
  identity: string,
): Promise<RecordedServer> => watch({ site, identity, socketPath, server })
