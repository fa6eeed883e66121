import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { IapeerError } from '@iapeer/core/errors'
import { type ProgramResult, runProgram } from '@iapeer/core/exec'
import { LAUNCHD_LABEL, managerOf, type ServiceSystem, SYSTEMD_UNIT } from './spec.ts'

/** A unit that stops waits for its daemon, at most 90 s by default. */
const CHANGE_MS = 100_000
const ASK_MS = 5_000

/** The environment in which a user's service manager can be found, also after `su` and in a plain ssh. */
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

/** Asks the manager; whatever it answers is data. */
export const askManager = (system: ServiceSystem, args: readonly string[]): Promise<ProgramResult> =>
  call(system, args, ASK_MS)

function describe(result: ProgramResult): string {
  if (result.missing) return 'there is no such program'
  if (result.timedOut) return 'it did not answer in time'
  return result.stderr.trim().split('\n')[0] || `exit code ${result.exitCode ?? result.signal}`
}

/** Has the manager do something. @throws IapeerError `service-manager-failed` */
export async function runManager(system: ServiceSystem, args: readonly string[]): Promise<void> {
  const result = await call(system, args, CHANGE_MS)
  if (result.exitCode === 0) return
  const name = managerOf(system) === 'launchd' ? 'launchctl' : 'systemctl --user'
  throw new IapeerError(`${name} ${args.join(' ')} failed: ${describe(result)}`, {
    code: 'service-manager-failed',
    hint:
      managerOf(system) === 'launchd'
        ? 'Run it by hand to see more; log show --predicate \'process == "launchd"\' --last 5m says why.'
        : `Run it by hand to see more; journalctl --user -u ${SYSTEMD_UNIT} says what the daemon said.`,
  })
}

/** Why no service manager answers; undefined when one does. */
export async function managerMissing(system: ServiceSystem): Promise<string | undefined> {
  const args = managerOf(system) === 'launchd' ? ['version'] : ['show', '--property=Version']
  const answer = await askManager(system, args)
  if (answer.exitCode === 0) return undefined
  if (answer.missing)
    return managerOf(system) === 'launchd' ? 'there is no launchctl' : 'there is no systemctl'
  return `the service manager of user ${system.user || system.uid} does not answer: ${describe(answer)}`
}

export const launchdDomain = (system: ServiceSystem): string => `gui/${system.uid}`
export const launchdService = (system: ServiceSystem): string => `${launchdDomain(system)}/${LAUNCHD_LABEL}`

/** What the manager knows of the service now. */
export interface ManagerState {
  /** Started at every login, or boot. */
  readonly enabled: boolean
  readonly active: boolean
  readonly pid: number | undefined
  /** The word of the manager itself: `active`, `activating`, `failed`, ... */
  readonly said: string
  /** Why it does not run, where the manager tells. */
  readonly why: string | undefined
}

/** What systemd's `Result` means (systemd.exec(5)); of an exit code and a signal the number says more. */
const RESULTS: Readonly<Record<string, string>> = {
  watchdog: 'it was silent for too long',
  timeout: 'it took too long',
  protocol: 'it ended before it was up',
  'oom-kill': 'memory ran out',
  'start-limit-hit': 'it was started too often',
}

/** systemd's own exit code for a program that it cannot run. */
const EXEC_FAILED = 203

function whyOf(values: ReadonlyMap<string, string>): string | undefined {
  const result = values.get('Result') ?? 'success'
  const status = Number(values.get('ExecMainStatus'))
  if (result === 'success') return undefined
  if (result === 'exit-code')
    return status === EXEC_FAILED
      ? 'its program cannot be run'
      : `it ended with exit code ${values.get('ExecMainStatus')}`
  if (result !== 'signal' && result !== 'core-dump') return RESULTS[result] ?? result
  const [name = `signal ${status}`] =
    Object.entries(constants.signals).find(([, number]) => number === status) ?? []
  return `it was ended by ${name}`
}

function parseSystemd(text: string): ManagerState {
  const values = new Map(
    text.split('\n').map((line) => {
      const at = line.indexOf('=')
      return [line.slice(0, at), line.slice(at + 1)] as const
    }),
  )
  const said = values.get('ActiveState') ?? 'unknown'
  return {
    enabled: (values.get('UnitFileState') ?? '').startsWith('enabled'),
    active: said === 'active' || said === 'reloading',
    pid: Number(values.get('MainPID')) || undefined,
    said,
    why: said === 'active' ? undefined : whyOf(values),
  }
}

/** Reads what `launchctl print` says; it is meant for people, so only its plainest lines are used. */
function parseLaunchd(answer: ProgramResult): ManagerState {
  if (answer.exitCode !== 0)
    return { enabled: false, active: false, pid: undefined, said: 'not loaded', why: undefined }
  const said = /^\s*state = (.+)$/m.exec(answer.stdout)?.[1] ?? 'unknown'
  const pid = Number(/^\s*pid = (\d+)$/m.exec(answer.stdout)?.[1]) || undefined
  const code = Number(/^\s*last exit code = (\d+)/m.exec(answer.stdout)?.[1]) || undefined
  const active = said === 'running'
  const why = active || code === undefined ? undefined : `it ended with exit code ${code}`
  return { enabled: true, active, pid, said, why }
}

/** The file that systemd reads for the unit, wherever that lies; undefined where it knows none. */
export async function knownUnitFile(system: ServiceSystem): Promise<string | undefined> {
  if (managerOf(system) === 'launchd') return undefined
  const answer = await askManager(system, ['show', SYSTEMD_UNIT, '--property=FragmentPath'])
  return /^FragmentPath=(\/.+)$/m.exec(answer.stdout)?.[1]
}

/** Undefined where the manager did not answer. */
export async function managerState(system: ServiceSystem): Promise<ManagerState | undefined> {
  if (managerOf(system) === 'launchd') {
    const answer = await askManager(system, ['print', launchdService(system)])
    return answer.missing || answer.timedOut ? undefined : parseLaunchd(answer)
  }
  const wanted = '--property=UnitFileState,ActiveState,MainPID,Result,ExecMainStatus'
  const answer = await askManager(system, ['show', SYSTEMD_UNIT, wanted])
  return answer.exitCode === 0 ? parseSystemd(answer.stdout) : undefined
}
