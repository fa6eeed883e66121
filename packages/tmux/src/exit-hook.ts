import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runProgram } from '@iapeer/core/exec'
import { loadScript } from '@iapeer/core/locate'
import { makePrivateDirectory, replaceFile } from '@iapeer/core/storage'
import { literalArgument } from './argument.ts'

/**
 * Copies the script to `<libDir>/hook-<hash of its content>/`: an upgrade or a removed package changes no live hook.
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

/** Quoted so that a format that is empty in this version of tmux stays an argument: `q:` alone would leave nothing. */
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

/** What tmux runs when the leader's pane has died: every value is a format, which it quotes for the shell. */
export const RUN_HOOK = `exec /bin/sh ${HOOK_ARGUMENTS.map(quoted).join(' ')}`

/**
 * tmux commands (argv, `;` between them) that belong right behind the `new-session` whose pane is the leader, in the same
 * call: as calls of their own they come too late for a program that ends at once. The text is constant; every value
 * reaches the script by the server's hidden environment or as a tmux format.
 * @param statePath of the guard, `<stateDir>/canary/<identity>-<gen>`
 * @param session the id of the leader's session; `$0` on a server of its own
 */
export function exitHookCommands(hook: string, statePath: string, session: string): string[] {
  const run = `run-shell "${RUN_HOOK}"`
  const values = { IAPEER_HOOK: hook, IAPEER_HOOK_STATE: statePath, IAPEER_HOOK_SESSION: session }
  return [
    ...Object.entries(values).flatMap(([name, value]) => [
      ...['set-environment', '-gh', name, literalArgument(value), ';'],
    ]),
    // tmux 3.8 does not tell the pid of a pane that is dead.
    ...['set-environment', '-ghF', 'IAPEER_LEADER', '#{pane_id}:#{pane_pid}', ';'],
    ...['set-option', '-p', 'remain-on-exit', 'on', ';'],
    ...['set-hook', '-p', 'pane-died', run],
  ]
}

/**
 * Leaves with the guard's state what finishes a record of the leader's end, should the hook be killed over it. Before the
 * leader is started: it may end at once.
 */
export async function linkExitHook(statePath: string, hook: string): Promise<void> {
  await symlink(hook, `${statePath}.hook`)
}

/** The pid that a record of the leader's end names, where it is not the hook that writes it. */
export async function noteLeader(statePath: string, leaderPid: number): Promise<void> {
  // A generation that has been settled meanwhile has no files any more, and gets none.
  if (existsSync(statePath)) await writeFile(`${statePath}.leader`, `${leaderPid}\n`, { mode: 0o600 })
}

/** What tmux tells of a pane whose program has exited; empty where this version of tmux does not tell it. */
export interface DeadPane {
  readonly paneId: string
  readonly status: string
  readonly signal: string
}

/** How long a record of the hook may take, in milliseconds; one that is cut off is finished by the next look. */
const HOOK_RUN_MS = 10_000

/**
 * Runs the exit hook of a session as tmux would, from this process: tmux may be unable to start one.
 * @param how the dead pane; or why there is none: exit-hook.sh says what the words mean
 */
export async function runExitHook(
  statePath: string,
  leaderPid: number,
  how: DeadPane | 'gone' | 'replaced' | 'held',
): Promise<void> {
  const args =
    typeof how === 'string'
      ? [how]
      : [how.paneId, String(leaderPid), how.status, how.signal, '$0', `${how.paneId}:${leaderPid}`]
  const { HOME = '/', PATH = '/usr/bin:/bin' } = process.env
  await runProgram(['/bin/sh', `${statePath}.hook`, statePath, ...args], {
    timeoutMs: HOOK_RUN_MS,
    env: { HOME, PATH },
  })
}
