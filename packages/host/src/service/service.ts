import { open, readlink, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { waitUntil } from '@iapeer/core/async'
import { errnoOf, IapeerError, isIapeerError } from '@iapeer/core/errors'
import { makePrivateDirectory, makeUserDirectory, replaceFile } from '@iapeer/core/storage'
import { daemonStatus, stopDaemon } from '../daemon/control.ts'
import { assertStablePaths } from './ephemeral-path.ts'
import { launchdOutput, renderLaunchdPlist } from './launchd-plist.ts'
import {
  askManager,
  knownUnitFile,
  launchdDomain,
  launchdService,
  managerMissing,
  managerState,
  runManager,
} from './manager.ts'
import { assertOwnFile, inspectServiceFile } from './ownership.ts'
import {
  managerOf,
  type ServiceManager,
  type ServiceSpec,
  type ServiceSystem,
  SYSTEMD_UNIT,
  serviceFile,
} from './spec.ts'
import { lingers } from './status.ts'
import { renderSystemdUnit } from './systemd-unit.ts'

/** The file that an installation writes. */
export interface ServicePlan {
  readonly manager: ServiceManager
  readonly path: string
  readonly text: string
}

/** Returns the file that an installation would write. Pure. @throws IapeerError `invalid-path` */
export function planService(spec: ServiceSpec, system: ServiceSystem): ServicePlan {
  const manager = managerOf(system)
  const text = manager === 'launchd' ? renderLaunchdPlist(spec) : renderSystemdUnit(spec)
  return { manager, path: serviceFile(system), text }
}

/** The result of an installation. The daemon is running in every case. */
export interface Installed extends ServicePlan {
  /** `already`: the file was up to date, and so was the version of its daemon. */
  readonly state: 'installed' | 'updated' | 'already'
  /** False: the last logout stops the daemon unless `loginctl enable-linger` is run. */
  readonly lingers: boolean | undefined
  /** The pid of a daemon of the root that no service had started; it was stopped to make way for the service. */
  readonly tookOverFrom: number | undefined
}

async function startSystemd(system: ServiceSystem, restart: boolean): Promise<void> {
  await runManager(system, ['daemon-reload'])
  await runManager(system, ['enable', SYSTEMD_UNIT])
  // A restart stops only the daemon (KillMode=process).
  await runManager(system, [restart ? 'restart' : 'start', SYSTEMD_UNIT])
}

/** The time limit for launchd to unload a service. */
const BOOTOUT_MS = 10_000

async function unloadLaunchd(system: ServiceSystem): Promise<void> {
  const loaded = async (): Promise<boolean> =>
    (await askManager(system, ['print', launchdService(system)])).exitCode === 0
  if (!(await loaded())) return
  const answer = await askManager(system, ['bootout', launchdService(system)])
  const isUnloaded = async (): Promise<boolean> => !(await loaded())
  if ((await waitUntil(isUnloaded, { limitMs: BOOTOUT_MS, everyMs: 100 })) === undefined)
    throw new IapeerError(`launchd did not unload ${launchdService(system)}: ${answer.stderr.trim()}`, {
      code: 'service-manager-failed',
      hint: `Unload it yourself: launchctl bootout ${launchdService(system)}`,
    })
}

/** Loads the service. launchd refuses a disabled service, and for some seconds one that was unloaded just before. */
async function bootstrap(system: ServiceSystem, path: string): Promise<void> {
  await runManager(system, ['enable', launchdService(system)])
  const deadline = performance.now() + BOOTOUT_MS
  for (;;) {
    try {
      return await runManager(system, ['bootstrap', launchdDomain(system), path])
    } catch (error) {
      if (!isIapeerError(error) || performance.now() > deadline) throw error
      await sleep(500)
    }
  }
}

async function startLaunchd(system: ServiceSystem, path: string, restart: boolean): Promise<void> {
  if (restart) await unloadLaunchd(system)
  const loaded = await askManager(system, ['print', launchdService(system)])
  if (loaded.exitCode !== 0) await bootstrap(system, path)
  else await runManager(system, ['kickstart', launchdService(system)])
}

async function start(
  { manager, path }: ServicePlan,
  system: ServiceSystem,
  { root, restart }: { readonly root: string; readonly restart: boolean },
): Promise<void> {
  if (manager === 'systemd') return startSystemd(system, restart)
  const output = launchdOutput(root)
  await makePrivateDirectory(dirname(output))
  // Created here, because launchd would make it readable to every user.
  await (await open(output, 'a', 0o600)).close()
  await startLaunchd(system, path, restart)
}

/** Checks that the manager does not read a foreign unit of the same name from another path: our file would hide it. */
async function assertNoForeignUnit(root: string, system: ServiceSystem): Promise<void> {
  const known = await knownUnitFile(system)
  if (known !== undefined) assertOwnFile(known, await inspectServiceFile(known, root))
}

interface RunningDaemon {
  /** The pid of a daemon of the root that the service did not start. While it is running, the service cannot start. */
  readonly other: number | undefined
  /** Whether the daemon of the service has another version than the one to be installed. */
  readonly isOutdated: boolean
}

async function findRunningDaemon(
  { root, version }: ServiceSpec,
  system: ServiceSystem,
): Promise<RunningDaemon> {
  const daemon = await daemonStatus(root)
  if (daemon.state === 'stopped') return { other: undefined, isOutdated: false }
  if (daemon.pid !== (await managerState(system))?.pid) return { other: daemon.pid, isOutdated: false }
  const isOutdated = version !== undefined && daemon.state === 'running' && daemon.version !== version
  return { other: undefined, isOutdated }
}

/**
 * Installs the daemon as a service of this user, and starts it now and at every login or boot. It can be repeated: an up-to-date service
 * is not changed, and the sessions of peers keep running. A daemon of the root that no service started is stopped first.
 * @throws IapeerError `service-path-vanishes`, `service-not-ours`, `no-service-manager`, `service-manager-failed`,
 *   `daemon-stuck`, `invalid-path`
 */
export async function installService(spec: ServiceSpec, system: ServiceSystem): Promise<Installed> {
  await assertStablePaths(spec, system)
  const plan = planService(spec, system)
  const found = await inspectServiceFile(plan.path, spec.root)
  assertOwnFile(plan.path, found)
  const missing = await managerMissing(system)
  if (missing !== undefined)
    throw new IapeerError(`no service was installed: ${missing}`, {
      code: 'no-service-manager',
      hint: 'iapeer daemon start works without a service manager.',
    })
  await assertNoForeignUnit(spec.root, system)
  const written = found.state !== 'ours' || found.text !== plan.text
  if (written) {
    await makeUserDirectory(dirname(plan.path))
    await replaceFile(plan.path, plan.text)
  }
  const { other, isOutdated } = await findRunningDaemon(spec, system)
  if (other !== undefined) await stopDaemon(spec.root)
  await start(plan, system, { root: spec.root, restart: written || isOutdated })
  const state = !written && !isOutdated ? 'already' : found.state === 'ours' ? 'updated' : 'installed'
  return { ...plan, state, lingers: lingers(system), tookOverFrom: other }
}

/**
 * Starts the installed service of a root through the service manager, without enabling or disabling it; does nothing if it is running.
 * @returns false if no service of this root is installed, or no service manager answers
 * @throws IapeerError `service-manager-failed`
 */
export async function startService(root: string, system: ServiceSystem): Promise<boolean> {
  const path = serviceFile(system)
  if ((await inspectServiceFile(path, root)).state !== 'ours') return false
  if ((await managerMissing(system)) !== undefined) return false
  if (managerOf(system) === 'systemd') await runManager(system, ['start', SYSTEMD_UNIT])
  else {
    const isLoaded = (await askManager(system, ['print', launchdService(system)])).exitCode === 0
    await runManager(
      system,
      isLoaded ? ['kickstart', launchdService(system)] : ['bootstrap', launchdDomain(system), path],
    )
  }
  return true
}

/** Removes the link by which systemd starts the unit. Needed if no manager is running that would remove it. */
async function removeWantedBy(path: string): Promise<void> {
  const link = join(dirname(path), 'default.target.wants', SYSTEMD_UNIT)
  try {
    if ((await readlink(link)).endsWith(SYSTEMD_UNIT)) await rm(link)
  } catch (error) {
    const code = errnoOf(error)
    if (code !== 'ENOENT' && code !== 'EINVAL' && code !== 'ENOTDIR') throw error
  }
}

/** The result of an uninstallation. `none`: no service of this root was installed. */
export interface Uninstalled {
  readonly state: 'uninstalled' | 'none'
  readonly path: string
}

/**
 * Stops the daemon and removes its service. The sessions of peers keep running. It can be repeated.
 * @throws IapeerError `service-not-ours`, `service-manager-failed`
 */
export async function uninstallService(root: string, system: ServiceSystem): Promise<Uninstalled> {
  const path = serviceFile(system)
  const found = await inspectServiceFile(path, root)
  assertOwnFile(path, found)
  if (found.state !== 'ours') return { state: 'none', path }
  const runs = (await managerMissing(system)) === undefined
  if (managerOf(system) === 'launchd') {
    if (runs) await unloadLaunchd(system)
    await rm(path, { force: true })
    return { state: 'uninstalled', path }
  }
  if (runs) await runManager(system, ['disable', '--now', SYSTEMD_UNIT])
  await removeWantedBy(path)
  await rm(path, { force: true })
  if (runs) await runManager(system, ['daemon-reload'])
  return { state: 'uninstalled', path }
}
