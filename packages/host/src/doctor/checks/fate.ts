import { listCanaries } from '@iapeer/canary'
import { runProgram } from '@iapeer/core/exec'
import { rootRecordLocation } from '@iapeer/core/paths'
import { cgroupOf, runsSystemd } from '../cgroup.ts'
import type { Check, DoctorContext, Finding, KnownDaemon } from '../finding.ts'
import { livingSessions } from './tmux.ts'

const ASK_MS = 3_000

/** The service or scope that a cgroup belongs to, and whether the manager of a user made it. Pure. */
export function unitOf(cgroup: string): { readonly unit: string; readonly user: boolean } | undefined {
  const parts = cgroup.split('/').filter(Boolean)
  const unit = parts.findLast((part) => /\.(service|scope)$/.test(part))
  if (unit === undefined) return undefined
  return {
    unit,
    user: parts.slice(0, parts.lastIndexOf(unit)).some((part) => /^user@\d+\.service$/.test(part)),
  }
}

/** How a stop of a unit treats its processes; undefined where nobody tells. */
async function killMode(context: DoctorContext, unit: string, user: boolean): Promise<string | undefined> {
  const { env } = context.system
  const argv: [string, ...string[]] = ['systemctl', ...(user ? ['--user'] : [])]
  const answer = await runProgram([...argv, 'show', unit, '--property=KillMode'], { env, timeoutMs: ASK_MS })
  return answer.exitCode === 0 ? /^KillMode=(.+)$/m.exec(answer.stdout)?.[1] : undefined
}

const FAULTS = {
  stalled: 'the daemon has not looked at the peers for 30 s: no death is noticed and no peer is restarted',
  unresponsive: 'the daemon does not answer: no death is noticed and no peer is restarted',
} satisfies Record<NonNullable<KnownDaemon['fault']>, string>

async function runDaemon(context: DoctorContext): Promise<Finding[]> {
  const { daemon } = context
  if (daemon === undefined)
    return [
      {
        id: 'daemon-none',
        level: 'note',
        what: 'no daemon runs: peers are looked after only when a command is run',
        fix: 'iapeer service install, or iapeer daemon start',
      },
    ]
  if (daemon.fault !== undefined)
    return [
      {
        id: `daemon-${daemon.fault}`,
        level: 'error',
        what: FAULTS[daemon.fault],
        where: `pid ${daemon.pid}`,
        fix: 'iapeer daemon logs can show why; iapeer daemon stop, then iapeer daemon start, restarts it. The peers go on running.',
      },
    ]
  const cgroup = await cgroupOf(context, daemon.pid)
  const found = cgroup === undefined ? undefined : unitOf(cgroup)
  const where = `pid ${daemon.pid}`
  if (found === undefined) return [{ id: 'daemon', level: 'ok', what: `the daemon runs (${where})` }]
  if (found.unit.startsWith('session-'))
    return [
      {
        id: 'daemon-in-login',
        level: 'note',
        what: `the daemon belongs to a login (${found.unit}), and may end with it`,
        where,
        fix: 'iapeer service install',
      },
    ]
  const mode = found.unit.endsWith('.service') ? await killMode(context, found.unit, found.user) : undefined
  if (mode === undefined || mode === 'process' || mode === 'none')
    return [{ id: 'daemon', level: 'ok', what: `the daemon runs in ${found.unit} (${where})` }]
  return [
    {
      id: 'daemon-kill-mode',
      level: 'warning',
      what: `a stop of ${found.unit} ends every peer that it has started (KillMode=${mode})`,
      where,
      fix: 'Set KillMode=process in it; iapeer service install writes such a unit.',
    },
  ]
}

export const daemonFate: Check = { id: 'daemon', title: 'The daemon', group: 'sessions', run: runDaemon }

interface Pair {
  readonly identity: string
  readonly server: string | undefined
  readonly guard: string | undefined
}

async function pairs(context: DoctorContext): Promise<Pair[]> {
  const canaries = await listCanaries(rootRecordLocation(context.root))
  const sessions = await livingSessions(context.root)
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

/** A transient scope that no other session is in: what the launch makes where systemd lets it. */
function isOwn(cgroup: string, all: readonly Pair[]): boolean {
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
    if (isOwn(cgroup, all)) continue
    const names = members.map(({ identity }) => identity)
    const manager = runsSystemd(context)
    findings.push({
      id: 'shared-fate',
      level: manager && cgroup !== '/' ? 'warning' : 'note',
      what: `${names.slice(0, 3).join(', ')}${names.length > 3 ? ` and ${names.length - 3} more` : ''}: one cgroup holds server and recorder, and what ends it whole leaves no line at once (the daemon or the next iapeer deaths records it)`,
      where: cgroup,
      ...(manager ? { fix: 'Start them where systemd-run --user works: each gets a scope of its own.' } : {}),
    })
  }
  if (findings.length > 0 || all.length === 0) return findings
  return [{ id: 'fate', level: 'ok', what: 'no session shares its fate with others' }]
}

export const sharedFate: Check = {
  id: 'shared-fate',
  title: 'Shared fate',
  group: 'sessions',
  run: runSharedFate,
}
