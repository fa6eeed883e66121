import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { scopeProblem } from '@iapeer/canary'
import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { findProgram, runProgram } from '@iapeer/core/exec'
import { configuredLimits, LIMIT_NAMES, type LimitName, resolveLimits } from '@iapeer/core/limits'
import { type PeerProfile, readProfile } from '@iapeer/core/profile'
import { listPeers } from '@iapeer/core/registry'
import { containmentOf, type PeerSession } from '@iapeer/lifecycle/sessions'
import { runsSystemd } from '../cgroup.ts'
import type { Check, DoctorContext, Finding } from '../finding.ts'
import { textIfThere } from '../read.ts'
import { runningSessions } from './tmux.ts'

const ASK_MS = 2_000
const MOUNT = '/sys/fs/cgroup'

/** The controller that enforces each limit (cgroups(7)). */
const CONTROLLERS = {
  memory: 'memory',
  memory_high: 'memory',
  tasks: 'pids',
  cpu_weight: 'cpu',
} as const satisfies Record<LimitName, string>

/** Returns the profile of a peer; undefined if it cannot be read, which the check of the registry reports. */
async function profileAt(home: string): Promise<PeerProfile | undefined> {
  try {
    return await readProfile(home)
  } catch (error) {
    if (!isIapeerError(error) && errnoOf(error) === undefined) throw error
    return undefined
  }
}

/** Returns the limits that are stated anywhere: in the settings, or in the profile of a peer. */
async function statedLimits({ root, system }: DoctorContext): Promise<LimitName[]> {
  const configured = configuredLimits(system.env)
  const profiles = await Promise.all((await listPeers(root)).map(({ home }) => profileAt(home)))
  const limits = [{}, ...profiles.flatMap((one) => one?.limits ?? [])].map((own) =>
    resolveLimits(configured, own),
  )
  return LIMIT_NAMES.filter((name) => limits.some((one) => one[name] !== undefined))
}

/** Asks a service manager for properties of a unit, or of the manager itself. Empty if it does not answer. */
async function propertiesOf(context: DoctorContext, args: readonly string[]): Promise<Map<string, string>> {
  const { env } = context.system
  const answer = await runProgram(['systemctl', ...args], { env, timeoutMs: ASK_MS })
  const lines = answer.exitCode === 0 ? answer.stdout.split('\n') : []
  return new Map(
    lines.flatMap((line): [string, string][] => {
      const [, name, value] = /^(\w+)=(.*)$/.exec(line) ?? []
      return name === undefined || value === undefined ? [] : [[name, value]]
    }),
  )
}

/** Returns the controllers that the manager of this user may use; undefined if that is not known. */
async function controllersOf(context: DoctorContext): Promise<ReadonlySet<string> | undefined> {
  const manager = await propertiesOf(context, ['--user', 'show', '--property=ControlGroup'])
  const cgroup = manager.get('ControlGroup')
  if (cgroup === undefined) return undefined
  const unified = await textIfThere(join(MOUNT, cgroup, 'cgroup.controllers'))
  if (unified !== undefined) return new Set(unified.trim().split(' '))
  const names = Object.values(CONTROLLERS).filter((name) => existsSync(join(MOUNT, name, cgroup)))
  return new Set(names)
}

/** Returns the finding about where peers get cgroups of their own. */
async function scopeFinding(context: DoctorContext, limits: readonly LimitName[]): Promise<Finding> {
  const { user, uid, env } = context.system
  const why = await scopeProblem(env)
  if (why !== undefined)
    return {
      id: 'containment-none',
      level: limits.length > 0 ? 'warning' : 'note',
      what: `new peers get no cgroup of their own${limits.length > 0 ? `, and their limits (${limits.join(', ')}) are not enforced` : ', so no limit can be enforced'}: ${why}`,
      ...(runsSystemd(context)
        ? {
            fix: `loginctl enable-linger ${user}, then log in again; in a shell without a login: export XDG_RUNTIME_DIR=/run/user/${uid}`,
          }
        : {}),
    }
  const controllers = await controllersOf(context)
  const missing = limits.filter((name) => controllers?.has(CONTROLLERS[name]) === false)
  const what = 'each new peer gets a systemd scope of its own, with a cgroup for its program'
  if (missing.length === 0) return { id: 'containment', level: 'ok', what }
  const lacking = [...new Set(missing.map((name) => CONTROLLERS[name]))].join(', ')
  return {
    id: 'containment-controllers',
    level: 'warning',
    what: `${what}, but this user's service manager may not use ${lacking}: limits of ${missing.join(', ')} are not enforced`,
    fix: 'On cgroup v2: sudo systemctl edit user@.service, add Delegate=cpu memory pids below [Service], then restart the host.',
  }
}

/**
 * Returns whether systemd-oomd spares recorders and tmux servers. It reads the mark of a cgroup that root does not own only under
 * memory pressure, and only if the cgroup that it monitors has the same owner: that of the user's manager
 * (systemd.resource-control(5), ManagedOOMPreference).
 */
async function oomdFindings(context: DoctorContext): Promise<Finding[]> {
  if (!runsSystemd(context)) return []
  const { env, uid } = context.system
  const oomd = await propertiesOf(context, ['show', 'systemd-oomd.service', '--property=ActiveState'])
  if (oomd.get('ActiveState') !== 'active') return []
  if ((await findProgram('setfattr', env['PATH'] ?? '', '/')) === undefined)
    return [
      {
        id: 'oomd-unmarked',
        level: 'note',
        what: 'systemd-oomd can choose the tmux server and the recorder of a peer: setfattr is not installed, which marks them',
        fix: 'Install the package attr, then restart the peers.',
      },
    ]
  const unit = `user@${uid}.service`
  const monitored = await propertiesOf(context, ['show', unit, '--property=ManagedOOMMemoryPressure'])
  const isRead = uid === 0 || monitored.get('ManagedOOMMemoryPressure') === 'kill'
  return [
    {
      id: 'oomd',
      level: isRead ? 'ok' : 'note',
      what: isRead
        ? 'under memory pressure, systemd-oomd prefers the programs of peers to their tmux servers and recorders (ManagedOOMPreference=avoid)'
        : `systemd-oomd ignores ManagedOOMPreference=avoid of tmux servers and recorders: it does not monitor ${unit} for memory pressure`,
    },
  ]
}

const namesOf = (sessions: readonly PeerSession[]): string =>
  `${sessions
    .slice(0, 3)
    .map(({ identity }) => identity)
    .join(', ')}${sessions.length > 3 ? ` and ${sessions.length - 3} more` : ''}`

/** Returns the running peers without a cgroup of their own, although the present host would give them one, by reason. */
async function plainFindings({ root }: DoctorContext): Promise<Finding[]> {
  const reasons = new Map<string, PeerSession[]>()
  for (const session of await runningSessions(root)) {
    const { state, why = '' } = await containmentOf(session, undefined)
    if (state === 'plain') reasons.set(why, [...(reasons.get(why) ?? []), session])
  }
  return [...reasons].map(([why, sessions]) => ({
    id: 'containment-plain',
    level: 'note',
    what: `${namesOf(sessions)}: without a cgroup of its own: ${why}`,
    fix: `Restart when convenient: iapeer restart ${sessions[0]?.identity}`,
  }))
}

async function runContainment(context: DoctorContext): Promise<Finding[]> {
  if (context.system.platform !== 'linux') return []
  const scope = await scopeFinding(context, await statedLimits(context))
  const plain = scope.id === 'containment-none' ? [] : await plainFindings(context)
  return [scope, ...(await oomdFindings(context)), ...plain]
}

export const containment: Check = {
  id: 'containment',
  title: 'Limits of peers',
  group: 'host',
  run: runContainment,
}
