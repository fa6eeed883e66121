import { listCanaries } from '@iapeer/canary'
import { runProgram } from '@iapeer/core/exec'
import { rootRecordLocation } from '@iapeer/core/paths'
import { DAEMON_RESTART_HINT } from '../../daemon/control.ts'
import { cgroupOf, runsSystemd } from '../cgroup.ts'
import type { Check, DoctorContext, Finding, KnownDaemon } from '../finding.ts'
import { runningSessions } from './tmux.ts'

const ASK_MS = 3_000

/** Returns the service or scope that a cgroup belongs to, and whether a user's service manager created it. Pure. */
export function unitOf(cgroup: string): { readonly unit: string; readonly user: boolean } | undefined {
  const parts = cgroup.split('/').filter(Boolean)
  const unit = parts.findLast((part) => /\.(service|scope)$/.test(part))
  if (unit === undefined) return undefined
  return {
    unit,
    user: parts.slice(0, parts.lastIndexOf(unit)).some((part) => /^user@\d+\.service$/.test(part)),
  }
}

/** Returns the `KillMode` of a unit; undefined if systemd does not report it. */
async function killMode(context: DoctorContext, unit: string, user: boolean): Promise<string | undefined> {
  const { env } = context.system
  const argv: [string, ...string[]] = ['systemctl', ...(user ? ['--user'] : [])]
  const answer = await runProgram([...argv, 'show', unit, '--property=KillMode'], { env, timeoutMs: ASK_MS })
  return answer.exitCode === 0 ? /^KillMode=(.+)$/m.exec(answer.stdout)?.[1] : undefined
}

const FAULTS = {
  stalled:
    'the daemon has not checked the peers for 30 s: it does not notice deaths and does not restart peers',
  unresponsive: 'the daemon does not answer: it does not notice deaths and does not restart peers',
} satisfies Record<NonNullable<KnownDaemon['fault']>, string>

/** Returns what is wrong with the program of the daemon, and where the daemon runs. */
async function runDaemon(context: DoctorContext): Promise<Finding[]> {
  const path = context.daemon?.removedProgram
  const findings = await placeOf(context)
  if (path === undefined) return findings
  const removed: Finding = {
    id: 'daemon-program-removed',
    level: 'warning',
    what: 'the program of the running daemon was removed: it cannot be started again',
    where: path,
    fix: 'Start the installed one: iapeer service install where the daemon is a service, else iapeer daemon restart. The peers keep running.',
  }
  return [removed, ...findings.filter(({ level }) => level !== 'ok')]
}

async function placeOf(context: DoctorContext): Promise<Finding[]> {
  const { daemon } = context
  if (daemon === undefined)
    return [
      {
        id: 'daemon-none',
        level: 'note',
        what: 'no daemon is running: peers are not restarted and notifications are not sent',
        fix: 'Start it: iapeer service install (also after each login), or iapeer daemon start.',
      },
    ]
  if (daemon.fault !== undefined)
    return [
      {
        id: `daemon-${daemon.fault}`,
        level: 'error',
        what: FAULTS[daemon.fault],
        where: `pid ${daemon.pid}`,
        fix: DAEMON_RESTART_HINT,
      },
    ]
  const cgroup = await cgroupOf(context, daemon.pid)
  const found = cgroup === undefined ? undefined : unitOf(cgroup)
  const where = `pid ${daemon.pid}`
  if (found === undefined) return [{ id: 'daemon', level: 'ok', what: `the daemon is running (${where})` }]
  if (found.unit.startsWith('session-'))
    return [
      {
        id: 'daemon-in-login',
        level: 'note',
        what: `the daemon belongs to a login (${found.unit}) and may be killed at logout`,
        where,
        fix: 'Run it as a service: iapeer service install',
      },
    ]
  const mode = found.unit.endsWith('.service') ? await killMode(context, found.unit, found.user) : undefined
  if (mode === undefined || mode === 'process' || mode === 'none')
    return [{ id: 'daemon', level: 'ok', what: `the daemon is running in ${found.unit} (${where})` }]
  return [
    {
      id: 'daemon-kill-mode',
      level: 'warning',
      what: `stopping ${found.unit} kills every peer that the daemon started (KillMode=${mode})`,
      where,
      fix: 'Set KillMode=process in the unit. iapeer service install writes such a unit.',
    },
  ]
}

export const daemon: Check = { id: 'daemon', title: 'Daemon', group: 'sessions', run: runDaemon }

interface Pair {
  readonly identity: string
  readonly server: string | undefined
  readonly guard: string | undefined
}

async function pairs(context: DoctorContext): Promise<Pair[]> {
  const canaries = await listCanaries(rootRecordLocation(context.root))
  const sessions = await runningSessions(context.root)
  return Promise.all(
    sessions.map(async ({ identity, gen, server }) => {
      const canary = canaries.find((one) => one.identity === identity && one.gen === gen)
      return {
        identity,
        server: await cgroupOf(context, server.pid),
        guard: canary === undefined ? undefined : await cgroupOf(context, canary.recorderPid),
      }
    }),
  )
}

/** Whether a cgroup is a transient scope of one session alone. The launch creates one if systemd allows it. */
function isOwnScope(cgroup: string, all: readonly Pair[]): boolean {
  const unit = unitOf(cgroup)?.unit ?? ''
  if (!unit.endsWith('.scope') || unit.startsWith('session-') || unit === 'init.scope') return false
  return all.filter(({ server }) => server === cgroup).length === 1
}

async function runSharedFate(context: DoctorContext): Promise<Finding[]> {
  const all = await pairs(context)
  const shared = all.filter(({ server, guard }) => server !== undefined && server === guard)
  const groups = new Map<string, Pair[]>()
  for (const pair of shared) groups.set(pair.server ?? '', [...(groups.get(pair.server ?? '') ?? []), pair])
  const findings: Finding[] = []
  for (const [cgroup, members] of groups) {
    if (isOwnScope(cgroup, all)) continue
    const names = members.map(({ identity }) => identity)
    const manager = runsSystemd(context)
    findings.push({
      id: 'shared-fate',
      level: manager && cgroup !== '/' ? 'warning' : 'note',
      what: `${names.slice(0, 3).join(', ')}${names.length > 3 ? ` and ${names.length - 3} more` : ''}: the tmux server and its recorder share a cgroup; if the whole cgroup is killed, the death is recorded later, by the daemon or the next iapeer deaths`,
      where: cgroup,
      ...(manager
        ? { fix: 'Start the peers where systemd-run --user works: each one then gets its own scope.' }
        : {}),
    })
  }
  if (findings.length > 0 || all.length === 0) return findings
  return [
    {
      id: 'fate',
      level: 'ok',
      what: 'no tmux server shares the cgroup of a login or service with its recorder',
    },
  ]
}

export const sharedUnit: Check = {
  id: 'shared-fate',
  title: 'Shared cgroups',
  group: 'sessions',
  run: runSharedFate,
}
