import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { IapeerError } from '@iapeer/core/errors'
import { type ProgramResult, runProgram } from '@iapeer/core/exec'
import { LAUNCHD_LABEL, managerOf, type ServiceSystem, SYSTEMD_UNIT } from './spec.ts'

/** Longer than systemd waits for a unit to stop (90 s by default). */
const CHANGE_MS = 100_000
const ASK_MS = 5_000

/** Returns an environment in which the user's service manager can be reached, even after `su` or in a plain ssh session. */
function managerEnv(system: ServiceSystem): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...system.env, LC_ALL: 'C', SYSTEMD_COLORS: '0', SYSTEMD_PAGER: '' }
  const runtime = `/run/user/${system.uid}`
  return env['XDG_RUNTIME_DIR'] === undefined && existsSync(runtime)
    ? { ...env, XDG_RUNTIME_DIR: runtime }
    : env
}

function call(system: ServiceSystem, args: readonly string[], timeoutMs: number): Promise<ProgramResult> {
  const argv: [string, ...string[]] =
    managerOf(system) === 'launchd' ? ['launchctl', ...args] : ['systemctl', '--user', ...args]
  return runProgram(argv, { env: managerEnv(system), timeoutMs })
}

/** Runs a query of the manager and returns its result, also if it failed. */
export const askManager = (system: ServiceSystem, args: readonly string[]): Promise<ProgramResult> =>
  call(system, args, ASK_MS)

function describe(result: ProgramResult): string {
  if (result.missing) return 'the program was not found'
  if (result.timedOut) return 'no answer in time'
  return result.stderr.trim().split('\n')[0] || `exit code ${result.exitCode ?? result.signal}`
}

/** Runs a command of the manager. @throws IapeerError `service-manager-failed` */
export async function runManager(system: ServiceSystem, args: readonly string[]): Promise<void> {
  const result = await call(system, args, CHANGE_MS)
  if (result.exitCode === 0) return
  const name = managerOf(system) === 'launchd' ? 'launchctl' : 'systemctl --user'
  throw new IapeerError(`${name} ${args.join(' ')} failed: ${describe(result)}`, {
    code: 'service-manager-failed',
    hint:
      managerOf(system) === 'launchd'
        ? 'Run it yourself to see its output, and look at: log show --predicate \'process == "launchd"\' --last 5m'
        : `Run it yourself to see its output, and look at: journalctl --user -u ${SYSTEMD_UNIT}`,
  })
}

/** Returns why no service manager answers; undefined if one does. */
export async function managerMissing(system: ServiceSystem): Promise<string | undefined> {
  const args = managerOf(system) === 'launchd' ? ['version'] : ['show', '--property=Version']
  const answer = await askManager(system, args)
  if (answer.exitCode === 0) return undefined
  if (answer.missing)
    return `${managerOf(system) === 'launchd' ? 'launchctl' : 'systemctl'} was not found in PATH`
  return `the service manager of user ${system.user || system.uid} does not answer: ${describe(answer)}`
}

export const launchdDomain = (system: ServiceSystem): string => `gui/${system.uid}`
export const launchdService = (system: ServiceSystem): string => `${launchdDomain(system)}/${LAUNCHD_LABEL}`

/** The state of the service as the manager reports it. */
export interface ManagerState {
  /** Whether the service is started at login or boot. */
  readonly enabled: boolean
  readonly active: boolean
  readonly pid: number | undefined
  /** The state in the manager's own word: `active`, `activating`, `failed`, ... */
  readonly managerState: string
  /** Why it is not running, if the manager reports it. */
  readonly why: string | undefined
  /** What systemd starts, drop-in files included; undefined for launchd. */
  readonly command: ServiceCommand | undefined
}

/** A command as systemd reports it. */
export interface ServiceCommand {
  readonly program: string
  /** The program and its arguments, joined by blanks: which blanks were in them cannot be known. */
  readonly line: string
}

/** The meaning of systemd's `Result` (systemd.exec(5)), except for exit codes and signals. */
const RESULTS: Readonly<Record<string, string>> = {
  watchdog: 'it sent no watchdog message in time',
  timeout: 'it did not start or stop in time',
  protocol: 'it exited before it reported that it had started',
  'oom-kill': 'it was killed because memory ran out',
  'start-limit-hit': 'it was started too often in a short time',
}

/** The exit code that systemd reports for a program that it cannot run. */
const EXEC_FAILED = 203

function whyOf(values: ReadonlyMap<string, string>): string | undefined {
  const result = values.get('Result') ?? 'success'
  const status = Number(values.get('ExecMainStatus'))
  if (result === 'success') return undefined
  if (result === 'exit-code')
    return status === EXEC_FAILED
      ? 'its program cannot be run'
      : `it exited with code ${values.get('ExecMainStatus')}`
  if (result !== 'signal' && result !== 'core-dump') return RESULTS[result] ?? result
  const [name = `signal ${status}`] =
    Object.entries(constants.signals).find(([, number]) => number === status) ?? []
  return `it was killed by ${name}`
}

/** Parses the property `ExecStart`; undefined if there is none or its format is another one. */
function commandOf(execStart: string): ServiceCommand | undefined {
  const [, program, line] = /^\{ path=(.*?) ; argv\[\]=(.*?) ; ignore_errors=/.exec(execStart) ?? []
  return program === undefined || line === undefined ? undefined : { program, line }
}

function parseSystemd(text: string): ManagerState {
  const values = new Map(
    text.split('\n').map((line) => {
      const at = line.indexOf('=')
      return [line.slice(0, at), line.slice(at + 1)] as const
    }),
  )
  const managerState = values.get('ActiveState') ?? 'unknown'
  return {
    enabled: (values.get('UnitFileState') ?? '').startsWith('enabled'),
    active: managerState === 'active' || managerState === 'reloading',
    pid: Number(values.get('MainPID')) || undefined,
    managerState,
    why: managerState === 'active' ? undefined : whyOf(values),
    command: commandOf(values.get('ExecStart') ?? ''),
  }
}

const UNKNOWN = { pid: undefined, why: undefined, command: undefined }

/** Parses the output of `launchctl print`. Its format is for people and may change, so only its simplest lines are used. */
function parseLaunchd(answer: ProgramResult): ManagerState {
  if (answer.exitCode !== 0) return { ...UNKNOWN, enabled: false, active: false, managerState: 'not loaded' }
  const managerState = /^\s*state = (.+)$/m.exec(answer.stdout)?.[1] ?? 'unknown'
  const pid = Number(/^\s*pid = (\d+)$/m.exec(answer.stdout)?.[1]) || undefined
  const code = Number(/^\s*last exit code = (\d+)/m.exec(answer.stdout)?.[1]) || undefined
  const active = managerState === 'running'
  const why = active || code === undefined ? undefined : `it exited with code ${code}`
  return { ...UNKNOWN, enabled: true, active, pid, managerState, why }
}

/** Returns the path from which systemd reads the unit; undefined if systemd does not know the unit, and for launchd. */
export async function knownUnitFile(system: ServiceSystem): Promise<string | undefined> {
  if (managerOf(system) === 'launchd') return undefined
  const answer = await askManager(system, ['show', SYSTEMD_UNIT, '--property=FragmentPath'])
  return /^FragmentPath=(\/.+)$/m.exec(answer.stdout)?.[1]
}

/** Returns the state of the service; undefined if the manager did not answer. */
export async function managerState(system: ServiceSystem): Promise<ManagerState | undefined> {
  if (managerOf(system) === 'launchd') {
    const answer = await askManager(system, ['print', launchdService(system)])
    return answer.missing || answer.timedOut ? undefined : parseLaunchd(answer)
  }
  const properties = '--property=UnitFileState,ActiveState,MainPID,Result,ExecMainStatus,ExecStart'
  const answer = await askManager(system, ['show', SYSTEMD_UNIT, properties])
  return answer.exitCode === 0 ? parseSystemd(answer.stdout) : undefined
}
