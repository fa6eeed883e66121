import { DAEMON_RESTART_HINT, type DaemonStatus } from '@iapeer/host'
import { paint, plain } from '../../output.ts'
import { type TimeOptions, timeText } from '../../times.ts'
import { homeShort } from '../peers/peer-table.ts'

/** Returns why a running daemon does not supervise the peers; undefined if it does, is starting or is not running. */
export function daemonFault(status: DaemonStatus): 'stalled' | 'unresponsive' | undefined {
  if (status.state === 'unresponsive') return 'unresponsive'
  return status.state === 'running' && status.health === 'stalled' ? 'stalled' : undefined
}

/** Returns where the daemon sends notifications, as one line; none where an earlier daemon does not say. */
function notificationLines(
  { notifications }: Extract<DaemonStatus, { state: 'running' }>,
  times: TimeOptions,
): string[] {
  if (notifications === undefined) return []
  if (notifications.length === 0)
    return ['  no notification is sent: no channel is set up (iapeer notify list)']
  const all = notifications.map(({ name, where }) => `${name}: ${plain(where)}`)
  const failed = notifications.flatMap(({ name, deliveredAt, failure }) => {
    if (failure === undefined) return []
    const isOver = deliveredAt !== undefined && deliveredAt >= failure.at
    const text = `the last failure of ${name} was ${timeText(failure.at, times)}: ${plain(failure.why)}`
    return [isOver ? `  ${text}; it works again` : `  ${paint('red', '!')} ${text}`]
  })
  return [`  notifications go to ${all.join('; ')}`, ...failed]
}

interface RunningOptions extends TimeOptions {
  readonly since: string
}

function runningText(
  status: Extract<DaemonStatus, { state: 'running' }>,
  { since, ...times }: RunningOptions,
): string {
  const { health, lastSweepAt, version, socketPath, problems } = status
  const lines = [`  ${homeShort(socketPath)}`, ...problems.map((one) => `  ${paint('red', '!')} ${one}`)]
  lines.push(...notificationLines(status, times))
  if (problems.length > 0) lines.push('  iapeer doctor explains what to do')
  if (health !== 'stalled')
    return [
      `${paint(health === 'ok' ? 'green' : 'yellow', '●')} the daemon is running: ${since}, version ${version}`,
      ...lines,
    ].join('\n')
  const last =
    lastSweepAt === undefined
      ? 'It has never checked the peers'
      : `It last checked the peers ${timeText(lastSweepAt, times)}`
  return [
    `${paint('red', '!')} the daemon is stalled: ${since}, version ${version}`,
    ...lines,
    `  ${last}: no death is noticed and no peer is restarted`,
    `  ${DAEMON_RESTART_HINT}`,
  ].join('\n')
}

/** Returns the state of the daemon as text, with what to do if it does not work. */
export function daemonStatusText(status: DaemonStatus, times: TimeOptions = {}): string {
  if (status.state === 'stopped')
    return `${paint('dim', '○')} the daemon is not running\n  iapeer daemon start`
  const since = `pid ${status.pid}, since ${timeText(status.since, times)}`
  if (status.state === 'running') return runningText(status, { since, ...times })
  if (status.state === 'starting') return `${paint('yellow', '●')} the daemon is starting: ${since}`
  return `${paint('red', '!')} the daemon does not answer: ${since}\n  ${DAEMON_RESTART_HINT}`
}
