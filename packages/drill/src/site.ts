import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { rootLayout } from '@iapeer/core/paths'
import { scaffoldRoot } from '@iapeer/core/storage'
import { listSessions } from '@iapeer/lifecycle'
import { DrillDaemon } from './daemon.ts'
import { oneAtATime } from './one-at-a-time.ts'
import { makePrivateDirectory, removePrivateDirectory } from './private-directory.ts'
import { OwnProcesses } from './processes.ts'
import { RecordFollower } from './records.ts'

/** The private root of a drill, its daemon, and the processes that it has started. */
export interface Site {
  readonly directory: string
  readonly root: string
  /** The environment of everything that the drill starts. */
  readonly env: NodeJS.ProcessEnv
  readonly processes: OwnProcesses
  readonly daemon: DrillDaemon
  readonly records: RecordFollower
  /** Changes the registry. Its lock has a time limit, which many peers at a time would reach. */
  readonly changeRegistry: ReturnType<typeof oneAtATime>
}

/** The settings of a person do not reach the drill: the daemon looks often, gives no peer up, and starts as many peers as the drill has. */
function environment(directory: string, root: string, concurrency: number): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('IAPEER_') && name !== 'TMUX' && name !== 'TMUX_PANE',
  )
  return {
    ...Object.fromEntries(own),
    HOME: directory,
    IAPEER_ROOT: root,
    IAPEER_TICK_SECS: '2',
    IAPEER_CRASHLOOP_MAX: '1000000',
    IAPEER_LAUNCH_PARALLEL: String(concurrency),
    IAPEER_MCP_HTTP: 'off',
    IAPEER_DAEMON_AUTOSTART: 'off',
  }
}

/** Makes the private root. */
export async function openSite(daemonProgram: string, concurrency: number): Promise<Site> {
  const directory = await makePrivateDirectory('iapeer-drill-')
  const root = join(directory, 'root')
  await scaffoldRoot(rootLayout(root))
  await mkdir(rootLayout(root).records.deathsDir, { recursive: true, mode: 0o700 })
  const env = environment(directory, root, concurrency)
  const processes = new OwnProcesses()
  const daemon = new DrillDaemon({ program: daemonProgram, root, env, processes })
  const records = new RecordFollower(root)
  return { directory, root, env, processes, daemon, records, changeRegistry: oneAtATime() }
}

/** Ends everything that the drill has started. @returns what is left, in words: nothing if all is well */
export async function closeSite(site: Site, keep: boolean): Promise<string[]> {
  await site.daemon.stop()
  site.records.close()
  const left: string[] = []
  // A peer that could not be removed, or that the daemon has started since.
  for (const { server, leader } of await listSessions(site.root)) site.processes.add(server, leader)
  for (const id of await site.processes.running()) {
    left.push(`process ${id.pid} was still running`)
    await site.processes.signal(id, 'SIGCONT')
    await site.processes.signal(id, 'SIGKILL')
  }
  if (!keep && !(await removePrivateDirectory(site.directory)))
    left.push(`${site.directory} could not be removed`)
  return left
}
