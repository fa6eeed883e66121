import { mkdir, open, readlink, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { waitUntil } from '@iapeer/core/async'
import { errnoOf, IapeerError, isIapeerError } from '@iapeer/core/errors'
import { makePrivateDirectory, replaceFile } from '@iapeer/core/storage'
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
import { assertOwnFile, lookAtServiceFile } from './ownership.ts'
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

export interface Installed extends ServicePlan {
  /** `already`: the file was there as it is to be, and its daemon of this version. The daemon runs in every case. */
  readonly state: 'installed' | 'updated' | 'already'
  /** False: the daemon ends at the last logout until `loginctl enable-linger` was run. */
  readonly lingers: boolean | undefined
  /** The daemon of the root that was ended for it: one that no service had started. */
  readonly tookOverFrom: number | undefined
}

async function startSystemd(system: ServiceSystem, anew: boolean): Promise<void> {
  await runManager(system, ['daemon-reload'])
  await runManager(system, ['enable', SYSTEMD_UNIT])
  // A restart ends the daemon alone (KillMode=process).
  await runManager(system, [anew ? 'restart' : 'start', SYSTEMD_UNIT])
}

/** How long launchd may take to let go of a service. */
const BOOTOUT_MS = 10_000

async function unloadLaunchd(system: ServiceSystem): Promise<void> {
  const loaded = async (): Promise<boolean> =>
    (await askManager(system, ['print', launchdService(system)])).exitCode === 0
  if (!(await loaded())) return
  const answer = await askManager(system, ['bootout', launchdService(system)])
  const isUnloaded = async (): Promise<boolean> => !(await loaded())
  if ((await waitUntil(isUnloaded, { limitMs: BOOTOUT_MS, everyMs: 100 })) === undefined)
    throw new IapeerError(`launchd keeps ${launchdService(system)}: ${answer.stderr.trim()}`, {
      code: 'service-manager-failed',
      hint: `launchctl bootout ${launchdService(system)}`,
    })
}

/** One that was disabled once is not loaded; one that was let go just now may be refused for some seconds. */
async function bootstrap(system: ServiceSystem, path: string): Promise<void> {
  await runManager(system, ['enable', launchdService(system)])
  const end = performance.now() + BOOTOUT_MS
  for (;;) {
    try {
      return await runManager(system, ['bootstrap', launchdDomain(system), path])
    } catch (error) {
      if (!isIapeerError(error) || performance.now() > end) throw error
      await sleep(500)
    }
  }
}

async function startLaunchd(system: ServiceSystem, path: string, anew: boolean): Promise<void> {
  if (anew) await unloadLaunchd(system)
  const loaded = await askManager(system, ['print', launchdService(system)])
  if (loaded.exitCode !== 0) await bootstrap(system, path)
  else await runManager(system, ['kickstart', launchdService(system)])
}

async function start(
  { manager, path }: ServicePlan,
  system: ServiceSystem,
  { root, anew }: { readonly root: string; readonly anew: boolean },
): Promise<void> {
  if (manager === 'systemd') return startSystemd(system, anew)
  const output = launchdOutput(root)
  await makePrivateDirectory(dirname(output))
  // launchd would make it readable to everybody.
  await (await open(output, 'a', 0o600)).close()
  await startLaunchd(system, path, anew)
}

/** A unit of that name that somebody else has put where the manager looks too is left as it is: ours would hide it. */
async function assertNotElsewhere(root: string, system: ServiceSystem): Promise<void> {
  const known = await knownUnitFile(system)
  if (known !== undefined) assertOwnFile(known, await lookAtServiceFile(known, root))
}

interface Running {
  /** A daemon of the root that the service has not started; while it runs the service's cannot. */
  readonly other: number | undefined
  /** Started before the last upgrade. */
  readonly isOutdated: boolean
}

async function lookAtRunning({ root, version }: ServiceSpec, system: ServiceSystem): Promise<Running> {
  const daemon = await daemonStatus(root)
  if (daemon.state === 'stopped') return { other: undefined, isOutdated: false }
  if (daemon.pid !== (await managerState(system))?.pid) return { other: daemon.pid, isOutdated: false }
  const isOutdated = version !== undefined && daemon.state === 'running' && daemon.version !== version
  return { other: undefined, isOutdated }
}

/**
 * Has the service manager of this user run the daemon, now and at every start. Harmless to repeat: what is as it should
 * be stays, and the sessions of peers are never touched. A daemon of the root that was started otherwise gives way.
 * @throws IapeerError `service-path-vanishes`, `service-not-ours`, `no-service-manager`, `service-manager-failed`,
 *   `daemon-stuck`, `invalid-path`
 */
export async function installService(spec: ServiceSpec, system: ServiceSystem): Promise<Installed> {
  await assertStablePaths(spec, system)
  const plan = planService(spec, system)
  const found = await lookAtServiceFile(plan.path, spec.root)
  assertOwnFile(plan.path, found)
  const missing = await managerMissing(system)
  if (missing !== undefined)
    throw new IapeerError(`no service was installed: ${missing}`, {
      code: 'no-service-manager',
      hint: '`iapeer daemon start` works without one.',
    })
  await assertNotElsewhere(spec.root, system)
  const written = found.state !== 'ours' || found.text !== plan.text
  if (written) {
    await mkdir(dirname(plan.path), { recursive: true })
    await replaceFile(plan.path, plan.text)
  }
  const { other, isOutdated } = await lookAtRunning(spec, system)
  if (other !== undefined) await stopDaemon(spec.root)
  await start(plan, system, { root: spec.root, anew: written || isOutdated })
  const state = !written && !isOutdated ? 'already' : found.state === 'ours' ? 'updated' : 'installed'
  return { ...plan, state, lingers: lingers(system), tookOverFrom: other }
}

/**
 * Has the service manager start the installed service of a root, which stays enabled or disabled as it is; harmless when
 * it runs.
 * @returns false where no service of this root is installed, or no manager answers
 * @throws IapeerError `service-manager-failed`
 */
export async function startService(root: string, system: ServiceSystem): Promise<boolean> {
  const path = serviceFile(system)
  if ((await lookAtServiceFile(path, root)).state !== 'ours') return false
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
