import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, readlink, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type RecordOptions, restoreScripts } from '@iapeer/canary'
import { errnoOf } from '@iapeer/core/errors'
import { runProgram } from '@iapeer/core/exec'
import { loadScript } from '@iapeer/core/locate'
import { recordLayout } from '@iapeer/core/paths'
import { makePrivateDirectory, namesIn, replaceFile } from '@iapeer/core/storage'
import { literalArgument } from './argument.ts'

/**
 * Copies the script to `<libDir>/hook-<hash of its content>/`, so that upgrading or removing the package does not change the
 * hooks of running sessions.
 * @returns the absolute path of the copy
 */
export async function installExitHook(libDir: string): Promise<string> {
  const content = await loadScript('tmux', 'exit-hook.sh', import.meta.url)
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 16)
  const directory = join(libDir, `hook-${hash}`)
  const path = join(directory, 'exit-hook.sh')
  if (existsSync(path) && (await readFile(path, 'utf8')) === content) return path
  await makePrivateDirectory(directory)
  await replaceFile(path, content)
  return path
}

/** Adds an empty string, so that a format that is empty in this version of tmux still is an argument; `q:` alone expands to nothing. */
const quoted = (format: string): string => `''#{q:${format}}`

const HOOK_ARGUMENTS = [
  'IAPEER_HOOK',
  'IAPEER_HOOK_STATE',
  'pane_id',
  'pane_pid',
  'pane_dead_status',
  'pane_dead_signal',
  'IAPEER_HOOK_SESSION',
  'IAPEER_LEADER',
]

/** The command that tmux runs when the leader's pane is dead. Every value is a format, which tmux quotes for the shell. */
export const RUN_HOOK = `exec /bin/sh ${HOOK_ARGUMENTS.map(quoted).join(' ')}`

/**
 * Returns the tmux commands (argv, separated by `;`) that set the exit hook. They must follow the `new-session` of the leader
 * in the same call: separate calls come too late for a program that exits at once. The text is constant; every value reaches
 * the script in the server's hidden environment or as a tmux format.
 * @param statePath path of the guard's state file, `<stateDir>/canary/<identity>-<gen>`
 * @param session id of the leader's session; `$0` if it is the first session of its server
 */
export function exitHookCommands(hook: string, statePath: string, session: string): string[] {
  const values = { IAPEER_HOOK: hook, IAPEER_HOOK_STATE: statePath, IAPEER_HOOK_SESSION: session }
  return [
    ...Object.entries(values).flatMap(([name, value]) => [
      ...['set-environment', '-gh', name, literalArgument(value), ';'],
    ]),
    // tmux 3.8 does not report the pid of a dead pane.
    ...['set-environment', '-ghF', 'IAPEER_LEADER', '#{pane_id}:#{pane_pid}', ';'],
    ...paneCommands(),
  ]
}

/**
 * Returns the tmux commands (argv, separated by `;`) that keep the pane of the leader after its exit, without the line that tmux
 * writes below its output (tmux 3.3 and later), and run the exit hook.
 * @param pane the id of the pane. @default the pane that the same call has made
 */
export function paneCommands(pane?: string): string[] {
  const target = pane === undefined ? [] : ['-t', pane]
  return [
    ...['set-option', '-p', ...target, 'remain-on-exit', 'on', ';'],
    ...['set-option', '-p', '-q', ...target, 'remain-on-exit-format', '', ';'],
    ...['set-hook', '-p', ...target, 'pane-died', `run-shell "${RUN_HOOK}"`],
  ]
}

/**
 * Links the exit hook next to the guard's state file. If the hook is killed while it records, the link is run to complete the
 * record. Call it before the leader is started, because the leader can exit at once.
 */
export async function linkExitHook(statePath: string, hook: string): Promise<void> {
  await symlink(hook, `${statePath}.hook`)
}

/** Writes the exit hook of a generation again where it was removed: hooks of running sessions find it from then on. */
async function restoreHook(libDir: string, link: string): Promise<void> {
  const target = await readlink(link).catch((error: unknown) => {
    // No hook belongs to this generation, or it was settled just now.
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'EINVAL') return undefined
    throw error
  })
  if (target === undefined || dirname(dirname(target)) !== libDir || existsSync(target)) return
  await makePrivateDirectory(dirname(target))
  // Of another version in a directory of that name: it takes the same arguments and reads the same files.
  await replaceFile(target, await loadScript('tmux', 'exit-hook.sh', import.meta.url))
}

/**
 * Writes the exit hooks of running sessions, and the scripts that they need, again where they were removed, as by a cleaner of
 * old files.
 * @throws IapeerError `invalid-path`, `scripts-missing`; Node system errors when they cannot be written
 */
export async function restoreExitHooks(options: RecordOptions): Promise<void> {
  const { canaryDir, libDir } = recordLayout(options)
  const links = (await namesIn(canaryDir)).filter((name) => name.endsWith('.hook'))
  if (links.length === 0) return
  await restoreScripts(options)
  for (const name of links) await restoreHook(libDir, join(canaryDir, name))
}

/** Writes down the leader's pid, for a record of its exit that the hook does not write. */
export async function noteLeader(statePath: string, leaderPid: number): Promise<void> {
  // A generation without a state file is settled already: no file may be left behind.
  if (existsSync(statePath)) await writeFile(`${statePath}.leader`, `${leaderPid}\n`, { mode: 0o600 })
}

/** What tmux reports about a pane whose program has exited; a field is empty if this version of tmux does not report it. */
export interface DeadPane {
  readonly paneId: string
  readonly status: string
  readonly signal: string
  /** When tmux noticed the exit, in epoch seconds, if that was before the check that asks; else empty. */
  readonly diedAt: string
}

/** Time limit of the hook, in milliseconds. A record that it did not finish is completed by the next check. */
const HOOK_RUN_MS = 10_000

/**
 * Runs the exit hook of a session from this process, with the arguments that tmux would pass: tmux may be unable to start it.
 * @param leader its pid; the dead pane, or the reason why there is none (see exit-hook.sh); and when it was last seen running, in
 * milliseconds since the epoch, if that is needed
 */
export async function runExitHook(
  statePath: string,
  leader: {
    readonly pid: number
    readonly pane: DeadPane | 'gone' | 'replaced' | 'held'
    readonly lastSeenMs: number | undefined
  },
): Promise<void> {
  const { pid, pane, lastSeenMs } = leader
  const args =
    typeof pane === 'string'
      ? [pane]
      : [
          ...[pane.paneId, String(pid), pane.status, pane.signal],
          ...['$0', `${pane.paneId}:${pid}`, pane.diedAt],
        ]
  const { HOME = '/', PATH = '/usr/bin:/bin' } = process.env
  await runProgram(['/bin/sh', `${statePath}.hook`, statePath, ...args], {
    timeoutMs: HOOK_RUN_MS,
    env: { HOME, PATH, ...(lastSeenMs === undefined ? {} : { IAPEER_SEEN_MS: String(lastSeenMs) }) },
  })
}
