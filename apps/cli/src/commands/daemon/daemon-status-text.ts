import type { DaemonStatus } from '@iapeer/host'
import { localTime, paint } from '../../output.ts'

const RESTART =
  'iapeer daemon logs can show why; iapeer daemon stop, then iapeer daemon start, restarts it. The peers go on running.'

/** Returns why a daemon that runs does not supervise the peers; undefined when it does, starts or does not run. */
export function daemonFault(status: DaemonStatus): 'stalled' | 'unresponsive' | undefined {
  if (status.state === 'unresponsive') return 'unresponsive'
  return status.state === 'running' && status.health === 'stalled' ? 'stalled' : undefined
}

function runningText(status: Extract<DaemonStatus, { state: 'running' }>, since: string): string {
  const { health, lastSweepAt, version, socketPath, problems } = status
  const lines = [`  ${socketPath}`, ...problems.map((one) => `  ${paint('red', '!')} ${one}`)]
  if (problems.length > 0) lines.push('  iapeer doctor says what to do about it')
  if (health !== 'stalled')
    return [
      `${paint(health === 'ok' ? 'green' : 'yellow', '●')} the daemon is up: ${since}, version ${version}`,
      ...lines,
    ].join('\n')
  const last = lastSweepAt === undefined ? 'It has never looked' : `It last looked`
  const when = lastSweepAt === undefined ? '' : ` at ${localTime(lastSweepAt)}`
  return [
    `${paint('red', '!')} the daemon is stalled: ${since}, version ${version}`,
    ...lines,
    `  ${last} at the peers${when}: no death is noticed and no peer is restarted`,
    `  ${RESTART}`,
  ].join('\n')
}

/** What a person reads about the daemon: the state, and what to do about it. */
export function daemonStatusText(status: DaemonStatus): string {
  if (status.state === 'stopped')
    return `${paint('dim', '✕')} the daemon is not running\n  iapeer daemon start`
  const since = `pid ${status.pid}, since ${localTime(status.since)}`
  if (status.state === 'running') return runningText(status, since)
  if (status.state === 'starting') return `${paint('yellow', '●')} the daemon is starting: ${since}`
  return `${paint('red', '!')} the daemon does not answer: ${since}\n  ${RESTART}`
}
