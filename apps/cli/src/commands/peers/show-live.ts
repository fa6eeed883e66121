import { access, constants } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { toIdentity } from '@iapeer/core/identity'
import { iapeerRoot, rootLayout } from '@iapeer/core/paths'
import { readTreeUsage } from '@iapeer/core/process'
import { SETTINGS } from '@iapeer/core/settings'
import { daemonStatus } from '@iapeer/host'
import type { PeerView } from '@iapeer/lifecycle/fleet'
import { readSession } from '@iapeer/lifecycle/sessions'
import { TmuxServer } from '@iapeer/tmux'
import { durationText } from '../../times.ts'

type Row = [label: string, value: string | undefined]

const MIB = 1024 * 1024

/** Returns what a running peer is and uses now: pid, uptime, memory and processor time of its program and its descendants. */
export async function liveFacts({ leaderPid, startedAt }: PeerView): Promise<Row[]> {
  if (leaderPid === undefined || startedAt === undefined) return []
  const usage = await readTreeUsage(leaderPid)
  const rows: Row[] = [
    ['pid', String(leaderPid)],
    ['uptime', durationText(Date.now() - Date.parse(startedAt))],
  ]
  if (usage === undefined) return rows
  const { processes, residentBytes, cpuMs } = usage
  const of = processes === 1 ? '1 process' : `${processes} processes`
  return [
    ...rows,
    ['memory', `${(residentBytes / MIB).toFixed(1)} MiB (${of})`],
    ['processor', `${(cpuMs / 1_000).toFixed(1)} s`],
  ]
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return true
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return false
  }
}

const isSet = (variable: string): boolean => (process.env[variable] ?? '') !== ''

/** Returns whether the daemon runs, and where notifications go. */
export async function serviceFacts(): Promise<Row[]> {
  const root = iapeerRoot()
  const daemon = await daemonStatus(root)
  const running = daemon.state === 'running' ? `running, pid ${daemon.pid}` : daemon.state
  const channels = [
    ...((await isExecutable(join(rootLayout(root).hooksDir, 'on-death'))) ? ['hooks/on-death'] : []),
    ...(isSet(SETTINGS.webhookUrl.variable) ? ['webhook (set in this environment)'] : []),
    ...(process.env[SETTINGS.desktopNotifications.variable] === '1'
      ? ['desktop (set in this environment)']
      : []),
  ]
  return [
    ['daemon', daemon.state === 'stopped' ? 'not running: no restarts, no notifications' : running],
    ['notifications', channels.length === 0 ? 'none are set up' : channels.join(', ')],
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
