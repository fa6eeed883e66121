import { existsSync } from 'node:fs'
import { mkdir, open, readlink, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { errnoOf, IapeerError } from '@iapeer/core/errors'
import { makePrivateFolder, replaceFile } from '@iapeer/core/storage'
import { launchdOutput, renderLaunchdPlist } from './launchd-plist.ts'
import {
  askManager,
  launchdDomain,
  launchdService,
  managerMissing,
  managerState,
  tellManager,
} from './manager.ts'
import { lookAtServiceFile, refuseOthers } from './ownership.ts'
import {
  managerOf,
  type ServiceManager,
  type ServiceSpec,
  type ServiceSystem,
  SYSTEMD_UNIT,
  serviceFile,
} from './spec.ts'
import { renderSystemdUnit } from './systemd-unit.ts'
import { refuseVanishing } from './vanishing.ts'

/** What an install writes, and where. */
export interface ServicePlan {
  readonly manager: ServiceManager
  readonly path: string
  readonly text: string
}

/** Pure. @throws IapeerError `invalid-path` */
export function planService(spec: ServiceSpec, system: ServiceSystem): ServicePlan {
  const manager = managerOf(system)
  const text = manager === 'launchd' ? renderLaunchdPlist(spec) : renderSystemdUnit(spec)
  return { manager, path: serviceFile(system), text }
}

/** Whether the user's services live on without a login; undefined where the manager knows no such thing. */
export function lingers(system: ServiceSystem): boolean | undefined {
  if (managerOf(system) === 'launchd') return undefined
  return existsSync(join(system.lingerDir, system.user))
}

export interface Installed extends ServicePlan {
  /** `already`: the file was there as it is to be. The daemon runs in every case. */
  readonly state: 'installed' | 'updated' | 'already'
  /** False: the daemon ends at the last logout until `loginctl enable-linger` was run. */
  readonly lingers: boolean | undefined
}

async function startSystemd(system: ServiceSystem, changed: boolean): Promise<void> {
  await tellManager(system, ['daemon-reload'])
  await tellManager(system, ['enable', SYSTEMD_UNIT])
  // A restart ends the daemon alone (KillMode=process).
  await tellManager(system, [changed ? 'restart' : 'start', SYSTEMD_UNIT])
}

/** How long launchd may take to let go of a service. */
const BOOTOUT_MS = 10_000

async function unloadLaunchd(system: ServiceSystem): Promise<void> {
  const loaded = async (): Promise<boolean> =>
    (await askManager(system, ['print', launchdService(system)])).exitCode === 0
  if (!(await loaded())) return
  const answer = await askManager(system, ['bootout', launchdService(system)])
  const end = performance.now() + BOOTOUT_MS
  while (await loaded()) {
    if (performance.now() > end)
      throw new IapeerError(`launchd keeps ${launchdService(system)}: ${answer.stderr.trim()}`, {
        code: 'service-manager-failed',
        hint: `launchctl bootout ${launchdService(system)}`,
      })
    await sleep(100)
  }
}

async function startLaunchd(system: ServiceSystem, path: string, changed: boolean): Promise<void> {
  if (changed) await unloadLaunchd(system)
  const loaded = await askManager(system, ['print', launchdService(system)])
  if (loaded.exitCode !== 0) await tellManager(system, ['bootstrap', launchdDomain(system), path])
  else await tellManager(system, ['kickstart', launchdService(system)])
}

/**
 * Has the service manager of this user run the daemon, now and at every start. Harmless to repeat: what is as it should
 * be stays, and the sessions of peers are never touched.
 * @throws IapeerError `service-path-vanishes`, `service-not-ours`, `no-service-manager`, `service-manager-failed`,
 *   `invalid-path`
 */
export async function installService(spec: ServiceSpec, system: ServiceSystem): Promise<Installed> {
  await refuseVanishing(spec, system)
  const plan = planService(spec, system)
  const found = await lookAtServiceFile(plan.path, spec.root)
  refuseOthers(plan.path, found)
  const missing = await managerMissing(system)
  if (missing !== undefined)
    throw new IapeerError(`no service was installed: ${missing}`, {
      code: 'no-service-manager',
      hint: '`iapeer daemon start` works without one.',
    })
  const changed = found.state !== 'ours' || found.text !== plan.text
  if (changed) {
    await mkdir(dirname(plan.path), { recursive: true })
    await replaceFile(plan.path, plan.text)
  }
  if (plan.manager === 'launchd') {
    const output = launchdOutput(spec.root)
    await makePrivateFolder(dirname(output))
    // launchd would make it readable to everybody.
    await (await open(output, 'a', 0o600)).close()
    await startLaunchd(system, plan.path, changed)
  } else await startSystemd(system, changed)
  const state = !changed ? 'already' : found.state === 'ours' ? 'updated' : 'installed'
  return { ...plan, state, lingers: lingers(system) }
}

/** The link by which systemd starts a unit, where no manager runs that would remove it. */
async function removeWantedBy(path: string): Promise<void> {
  const link = join(dirname(path), 'default.target.wants', SYSTEMD_UNIT)
  try {
    if ((await readlink(link)).endsWith(SYSTEMD_UNIT)) await rm(link)
  } catch (error) {
    const code = errnoOf(error)
    if (code !== 'ENOENT' && code !== 'EINVAL' && code !== 'ENOTDIR') throw error
  }
}

export interface Uninstalled {
  readonly state: 'uninstalled' | 'none'
  readonly path: string
}

/**
 * Ends the daemon and removes its service; the sessions of peers go on. Harmless to repeat.
 * @throws IapeerError `service-not-ours`, `service-manager-failed`
 */
export async function uninstallService(root: string, system: ServiceSystem): Promise<Uninstalled> {
  const path = serviceFile(system)
  const found = await lookAtServiceFile(path, root)
  refuseOthers(path, found)
  if (found.state !== 'ours') return { state: 'none', path }
  const runs = (await managerMissing(system)) === undefined
  if (managerOf(system) === 'launchd') {
    if (runs) await unloadLaunchd(system)
    await rm(path, { force: true })
    return { state: 'uninstalled', path }
  }
  if (runs) await tellManager(system, ['disable', '--now', SYSTEMD_UNIT])
  await removeWantedBy(path)
  await rm(path, { force: true })
  if (runs) await tellManager(system, ['daemon-reload'])
  return { state: 'uninstalled', path }
}

export interface ServiceStatus {
  readonly manager: ServiceManager
  /** Why the manager does not answer; undefined when it does. */
  readonly noManager: string | undefined
  readonly path: string
  /** Our file, for this root. */
  readonly installed: boolean
  /** A file of somebody else's is in its place; iapeer leaves it alone. */
  readonly foreign: boolean
  /** The root that the installed service is for, where that is another one. */
  readonly otherRoot: string | undefined
  readonly enabled: boolean
  readonly active: boolean
  readonly pid: number | undefined
  /** The manager's own word: `active`, `failed`, ... */
  readonly said: string | undefined
  readonly lingers: boolean | undefined
}

/** How the service of a root is. Reads only. */
export async function serviceStatus(root: string, system: ServiceSystem): Promise<ServiceStatus> {
  const path = serviceFile(system)
  const found = await lookAtServiceFile(path, root)
  const noManager = await managerMissing(system)
  const now = noManager === undefined ? await managerState(system) : undefined
  return {
    manager: managerOf(system),
    noManager,
    path,
    installed: found.state === 'ours',
    foreign: found.state === 'foreign',
    otherRoot: found.state === 'other' ? found.root : undefined,
    enabled: now?.enabled ?? false,
    active: now?.active ?? false,
    pid: now?.pid,
    said: now?.said,
    lingers: lingers(system),
  }
}
