import { cp, lstat, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { waitUntil } from '@iapeer/core/async'
import { rootLayout } from '@iapeer/core/paths'
import type { ProcessId } from '@iapeer/core/process'
import { scaffoldRoot } from '@iapeer/core/storage'
import { DeathReader, listSessions } from '@iapeer/lifecycle'
import { DrillDaemon } from './daemon.ts'
import { drillFailed, textOf } from './errors.ts'
import { type SmallDisk, smallDisk } from './host/small-disk.ts'
import { makeNoteDirectory } from './message-notes.ts'
import { oneAtATime } from './one-at-a-time.ts'
import { removePrivateDirectory } from './private-directory.ts'
import { OwnProcesses, processesWithHome } from './processes.ts'
import { RecordFollower } from './records.ts'

/** How long a recorder may take to finish. */
const EXIT_MS = 10_000

/** How the root of a drill is made. */
export interface SiteOptions {
  /** The program of the daemon: a script of Node.js. */
  readonly daemonProgram: string
  /** The directory of the site, which is made. */
  readonly directory: string
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
  readonly deathReader: DeathReader
  /** Changes the registry. Its lock has a time limit, which many peers at a time would reach. */
  readonly changeRegistry: ReturnType<typeof oneAtATime>
}

/** Returns the environment of this process without the settings of iapeer and the tmux that it runs in. */
export function withoutSettings(): NodeJS.ProcessEnv {
  const others = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('IAPEER_') && name !== 'TMUX' && name !== 'TMUX_PANE',
  )
  return Object.fromEntries(others)
}

/** The settings of a person do not reach the drill: the daemon looks often, gives no peer up, and starts as many peers as the drill has. */
function environment(directory: string, root: string, concurrency: number): NodeJS.ProcessEnv {
  return {
    ...withoutSettings(),
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
  const { daemonProgram, directory, concurrency, hasMail, isOnSmallDisk = false } = options
  await mkdir(directory, { mode: 0o700 })
  const disk = isOnSmallDisk ? await mountDisk(directory) : undefined
  const root = join(disk?.path ?? directory, 'root')
  const env = environment(directory, root, concurrency)
  await scaffoldRoot(rootLayout(root))
  await mkdir(rootLayout(root).records.deathsDir, { recursive: true, mode: 0o700 })
  await makeNoteDirectory(directory)
  const processes = new OwnProcesses()
  const daemon = new DrillDaemon({ program: daemonProgram, root, env, processes })
  const records = new RecordFollower(rootLayout(root).records)
  const deathReader = new DeathReader(root)
  const changeRegistry = oneAtATime()
  const shown = { directory, root, disk, hasMail, env }
  return { ...shown, processes, daemon, records, deathReader, changeRegistry }
}

/** Copies the files of a small disk to `kept`. @returns why it could not, in words */
async function keepFiles({ directory, root }: Site): Promise<string[]> {
  const filter = async (path: string): Promise<boolean> => !(await lstat(path)).isSocket()
  try {
    await cp(root, join(directory, 'kept'), { recursive: true, filter })
    return []
  } catch (error) {
    return [`the files of ${root} are only in ${directory}/disk.img: ${textOf(error)}`]
  }
}

/** Ends the processes of a site that still run, also those that it does not know: all have its directory as their home. */
async function endProcesses(site: Site): Promise<string[]> {
  // A peer that could not be removed, or that the daemon has started since.
  for (const { server, leader } of await listSessions(site.root)) site.processes.add(server, leader)
  const known = await site.processes.end()
  const others = async (): Promise<ProcessId[]> => processesWithHome(site.directory)
  const areGone = async (): Promise<true | undefined> => (await others()).length === 0 || undefined
  if ((await waitUntil(areGone, { limitMs: EXIT_MS, everyMs: 100 })) === undefined)
    site.processes.add(...(await others()))
  return [...known, ...(await site.processes.end())].map(({ pid }) => `process ${pid} was still running`)
}

/** Unmounts the disk of a site, and removes its directory unless that is kept. @returns what is left, in words */
async function removeFiles({ disk, directory }: Site, keep: boolean): Promise<string[]> {
  if (disk !== undefined && !(await disk.remove())) return [`${disk.path} could not be unmounted`]
  return keep || (await removePrivateDirectory(directory)) ? [] : [`${directory} could not be removed`]
}

/** Ends everything that the drill has started; what fails does not keep the rest from being done. @returns what is left, in words: nothing if all is well */
export async function closeSite(site: Site, keep: boolean): Promise<string[]> {
  const left: string[] = []
  const attempt = async (act: () => Promise<readonly string[]>): Promise<void> => {
    left.push(...(await act().catch((error: unknown) => [textOf(error)])))
  }
  await attempt(async () => {
    await site.daemon.stop()
    return []
  })
  site.records.close()
  await attempt(() => endProcesses(site))
  if (keep && site.disk !== undefined) await attempt(() => keepFiles(site))
  await attempt(() => removeFiles(site, keep))
  return left
}
