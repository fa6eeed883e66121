import type { DaemonStatus } from '@iapeer/host'
import { localTime, paint } from '../../output.ts'

/** What a person reads about the daemon: the state, and what to do about it. */
export function daemonStatusText(status: DaemonStatus): string {
  if (status.state === 'stopped')
    return `${paint('dim', '✕')} the daemon is not running\n  iapeer daemon start`
  const since = `pid ${status.pid}, since ${localTime(status.since)}`
  if (status.state === 'running')
    return `${paint('green', '●')} the daemon is up: ${since}, version ${status.version}\n  ${status.socketPath}${status.problems.map((one) => `\n  ${paint('red', '!')} ${one}`).join('')}`
  if (status.state === 'starting') return `${paint('yellow', '●')} the daemon is starting: ${since}`
  return `${paint('red', '!')} the daemon does not answer: ${since}\n  iapeer daemon stop`
}
