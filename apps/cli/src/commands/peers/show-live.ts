import { isIapeerError } from '@iapeer/core/errors'
import { toIdentity } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import { readTreeUsage } from '@iapeer/core/process'
import { type DaemonStatus, daemonStatus } from '@iapeer/host'
import type { PeerView } from '@iapeer/lifecycle/fleet'
import { bytesText, readSession } from '@iapeer/lifecycle/sessions'
import { TmuxServer } from '@iapeer/tmux'
import { durationText } from '../../times.ts'

type Row = [label: string, value: string | undefined]

const MIB = 1024 * 1024

/** Returns what a running peer is and uses now: pid, uptime, memory and processor time of its program and its descendants. */
export async function liveFacts({ leaderPid, startedAt, usage: sampled }: PeerView): Promise<Row[]> {
  if (leaderPid === undefined || startedAt === undefined) return []
  const usage = await readTreeUsage(leaderPid)
  const rows: Row[] = [
    ['pid', String(leaderPid)],
    ['uptime', durationText(Date.now() - Date.parse(startedAt))],
  ]
  if (usage === undefined) return rows
  const { processes, residentBytes, cpuMs } = usage
  const of = processes === 1 ? '1 process' : `${processes} processes`
  const peak =
    sampled === undefined
      ? ''
      : `, at most ${bytesText(Math.max(sampled.peakBytes, residentBytes))} since its start`
  const percent = sampled?.cpuPercent === undefined ? '' : `, ${Math.round(sampled.cpuPercent)} % now`
  return [
    ...rows,
    ['memory', `${(residentBytes / MIB).toFixed(1)} MiB (${of})${peak}`],
    ['processor', `${(cpuMs / 1_000).toFixed(1)} s${percent}`],
    ['tasks', sampled === undefined ? undefined : String(sampled.tasks)],
  ]
}

/** Returns where the daemon sends notifications, as it says itself: the environment of this process is not that of the daemon. */
function notificationsText(daemon: DaemonStatus): string {
  if (daemon.state !== 'running') return 'unknown: daemon not reachable'
  if (daemon.notifications === undefined)
    return 'unknown: the daemon is of an earlier version and does not say'
  if (daemon.notifications.length === 0) return 'none: no channel is set up (iapeer notify list)'
  return daemon.notifications.map(({ name, where }) => `${name}: ${where}`).join('; ')
}

/** Returns whether the daemon runs, and where it sends notifications. */
export async function serviceFacts(): Promise<Row[]> {
  const daemon = await daemonStatus(iapeerRoot())
  const running = daemon.state === 'running' ? `running, pid ${daemon.pid}` : daemon.state
  return [
    ['daemon', daemon.state === 'stopped' ? 'not running: no restarts, no notifications' : running],
    ['notifications', notificationsText(daemon)],
  ]
}

const TAIL_LINES = 8
/** A server that does not answer within this time shows no screen. In milliseconds. */
const SCREEN_MS = 1_000

/** Returns the last lines of the screen of a running peer; none where its server does not answer. */
export async function screenTail({ identity, state }: PeerView): Promise<readonly string[]> {
  const session = await readSession(iapeerRoot(), toIdentity(identity))
  if (session === undefined || state === 'unresponsive') return []
  const { socketPath, server, paneId } = session
  try {
    const tmux = new TmuxServer({ socketPath, process: server, timeoutMs: SCREEN_MS })
    const lines = (await tmux.capturePane(paneId)).trimEnd().split('\n')
    return lines.filter((line) => line.trim() !== '').slice(-TAIL_LINES)
  } catch (error) {
    if (!isIapeerError(error)) throw error
    return []
  }
}
