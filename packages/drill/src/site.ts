import { cp, lstat, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { rootLayout } from '@iapeer/core/paths'
import { scaffoldRoot } from '@iapeer/core/storage'
import { listSessions } from '@iapeer/lifecycle'
import { type AfterKill, prepareForKill } from './after-kill.ts'
import { DrillDaemon } from './daemon.ts'
import { drillFailed } from './errors.ts'
import { type SmallDisk, smallDisk } from './host/small-disk.ts'
import { makeNoteDirectory } from './mail.ts'
import { oneAtATime } from './one-at-a-time.ts'
import { makePrivateDirectory, removePrivateDirectory } from './private-directory.ts'
import { OwnProcesses } from './processes.ts'
import { RecordFollower } from './records.ts'

/** How the root of a drill is made. */
export interface SiteOptions {
  /** The program of the daemon: a script of Node.js. */
  readonly daemonProgram: string
  /** The program of the command `iapeer`, which ends what a drill has started that is killed. @default nothing ends it */
  readonly cliProgram?: string | undefined
  readonly concurrency: number
  /** Whether messages are sent to the peers. */
  readonly hasMail: boolean
  /** Whether the root is on a small disk. @default false */
  readonly isOnSmallDisk?: boolean
}

/** The private root of a drill, its daemon, and the processes that it has started. */
export interface Site {
  readonly directory: string
  readonly root: string
  /** The disk of the root, if it has one of its own. */
  readonly disk: SmallDisk | undefined
  readonly hasMail: boolean
  /** The environment of everything that the drill starts. */
  readonly env: NodeJS.ProcessEnv
  readonly processes: OwnProcesses
  readonly daemon: DrillDaemon
  readonly records: RecordFollower
  /** Changes the registry. Its lock has a time limit, which many peers at a time would reach. */
  readonly changeRegistry: ReturnType<typeof oneAtATime>
  readonly afterKill: AfterKill | undefined
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
    IAPEER_MAIL_PAIR_PER_MINUTE: '100000',
    IAPEER_MAIL_PAIR_PER_HOUR: '100000',
  }
}

/** Mounts the small disk of a root. @throws IapeerError `drill-failed` */
async function mountDisk(directory: string): Promise<SmallDisk> {
  const disk = await smallDisk(directory)
  if (typeof disk === 'string') throw drillFailed(`the small disk was not mounted: ${disk}`)
  return disk
}

/** Makes the private root. @throws IapeerError `drill-failed` */
export async function openSite(options: SiteOptions): Promise<Site> {
  const { daemonProgram, cliProgram: cli, concurrency, hasMail, isOnSmallDisk = false } = options
  const directory = await makePrivateDirectory('iapeer-drill-')
  const disk = isOnSmallDisk ? await mountDisk(directory) : undefined
  const root = join(disk?.path ?? directory, 'root')
  const env = environment(directory, root, concurrency)
  const afterKill =
    cli === undefined ? undefined : await prepareForKill({ cli, directory, env, disk: disk?.path })
  await scaffoldRoot(rootLayout(root))
  await mkdir(rootLayout(root).records.deathsDir, { recursive: true, mode: 0o700 })
  await makeNoteDirectory(directory)
  const processes = new OwnProcesses()
  const daemon = new DrillDaemon({ program: daemonProgram, root, env, processes })
  const records = new RecordFollower(rootLayout(root).records)
  const changeRegistry = oneAtATime()
  return { directory, root, disk, hasMail, env, processes, daemon, records, changeRegistry, afterKill }
}

/** Unmounts the disk of a root, after its files were copied to `kept` if they are to be kept. @returns whether it is unmounted */
async function leaveDisk({ disk, directory, root }: Site, keep: boolean): Promise<boolean> {
  if (disk === undefined) return true
  const copy = join(directory, 'kept')
  const filter = async (path: string): Promise<boolean> => !(await lstat(path)).isSocket()
  if (keep) await cp(root, copy, { recursive: true, filter })
  return disk.remove()
}

/** Ends everything that the drill has started. @returns what is left, in words: nothing if all is well */
export async function closeSite(site: Site, keep: boolean): Promise<string[]> {
  await site.daemon.stop()
  site.records.close()
  const left: string[] = []
  // A peer that could not be removed, or that the daemon has started since.
  for (const { server, leader } of await listSessions(site.root)) site.processes.add(server, leader)
  for (const { pid } of await site.processes.end()) left.push(`process ${pid} was still running`)
  if (!(await leaveDisk(site, keep))) left.push(`${site.disk?.path} could not be unmounted`)
  else if (!keep && !(await removePrivateDirectory(site.directory)))
    left.push(`${site.directory} could not be removed`)
  site.afterKill?.dismiss()
  return left
}
