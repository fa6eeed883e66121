import { lstat, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitUntil } from '@iapeer/core/async'
import { errnoOf } from '@iapeer/core/errors'
import { rootLayout } from '@iapeer/core/paths'
import { scaffoldRoot } from '@iapeer/core/storage'
import { DrillDaemon } from './daemon.ts'
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
}

const REMOVE_MS = 10_000

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

/** Makes the directory: in /tmp, because socket paths must be short, unless the system's temporary directory is short too. */
export async function openSite(daemonProgram: string, concurrency: number): Promise<Site> {
  const parent = tmpdir().length <= 40 ? tmpdir() : '/tmp'
  const directory = await mkdtemp(join(parent, 'iapeer-drill-'))
  const root = join(directory, 'root')
  await scaffoldRoot(rootLayout(root))
  await mkdir(rootLayout(root).records.deathsDir, { recursive: true, mode: 0o700 })
  const env = environment(directory, root, concurrency)
  const processes = new OwnProcesses()
  const daemon = new DrillDaemon({ program: daemonProgram, root, env, processes })
  return { directory, root, env, processes, daemon, records: new RecordFollower(root) }
}

/** Removes the directory. A process that is about to exit can create a file while it is emptied, so it is emptied again. @returns whether it is gone */
async function removeDirectory(directory: string): Promise<boolean> {
  const gone = async (): Promise<boolean> => {
    try {
      await rm(directory, { recursive: true, force: true })
      await lstat(directory)
      return false
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return true
      if (errnoOf(error) === 'ENOTEMPTY') return false
      throw error
    }
  }
  return (await waitUntil(gone, { limitMs: REMOVE_MS, everyMs: 50 })) === true
}

/** Ends everything that the drill has started. @returns what is left, in words: nothing if all is well */
export async function closeSite(site: Site, keep: boolean): Promise<string[]> {
  await site.daemon.stop()
  site.records.close()
  const left: string[] = []
  for (const id of await site.processes.running()) {
    left.push(`process ${id.pid} was still running`)
    await site.processes.signal(id, 'SIGCONT')
    await site.processes.signal(id, 'SIGKILL')
  }
  if (!keep && !(await removeDirectory(site.directory))) left.push(`${site.directory} could not be removed`)
  return left
}
