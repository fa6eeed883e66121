import { iapeerRoot } from '@iapeer/core/paths'
import { type DaemonStatus, daemonStatus, stopDaemon } from '@iapeer/host'
import { bringUpDaemon } from '../daemon.ts'
import { EXIT } from '../exit-code.ts'
import { localTime, paint, print, printJson } from '../output.ts'

interface DaemonOptions {
  readonly json?: boolean
}

export async function start({ json }: DaemonOptions): Promise<void> {
  const { state, health, socketPath } = await bringUpDaemon()
  const { pid, version } = health
  if (json === true) printJson({ state, pid, version, socketPath })
  else print(`${paint('green', '●')} the daemon is up${state === 'already' ? ' already' : ''}: pid ${pid}`)
}

export async function stop({ json }: DaemonOptions): Promise<void> {
  const result = await stopDaemon(iapeerRoot())
  if (json === true) printJson(result)
  else if (result.state === 'stopped') print(`${paint('dim', '✕')} the daemon was not running`)
  else print(`${paint('dim', '✕')} the daemon (pid ${result.pid}) is stopped; its peers live on`)
}

function said(status: DaemonStatus): string {
  if (status.state === 'stopped')
    return `${paint('dim', '✕')} the daemon is not running\n  iapeer daemon start`
  const since = `pid ${status.pid}, since ${localTime(status.since)}`
  if (status.state === 'running')
    return `${paint('green', '●')} the daemon is up: ${since}, version ${status.version}\n  ${status.socketPath}${status.problems.map((one) => `\n  ${paint('red', '!')} ${one}`).join('')}`
  if (status.state === 'starting') return `${paint('yellow', '●')} the daemon is starting: ${since}`
  return `${paint('red', '!')} the daemon does not answer: ${since}\n  iapeer daemon stop`
}

export async function status({ json }: DaemonOptions): Promise<void> {
  const found = await daemonStatus(iapeerRoot())
  if (json === true) printJson(found)
  else print(said(found))
  if (found.state === 'stopped') process.exitCode = EXIT.notRunning
  if (found.state === 'unresponsive') process.exitCode = EXIT.daemonUnreachable
}
