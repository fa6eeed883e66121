import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loadScript } from '@iapeer/core/locate'
import { makePrivateFolder, replaceFile } from '@iapeer/core/storage'
import { literalArgument } from './argument.ts'

/**
 * Copies the script to `<libDir>/hook-<hash of its content>/`: an upgrade or a removed package changes no live hook.
 * @returns the absolute path of the copy
 */
export async function installExitHook(libDir: string): Promise<string> {
  const content = await loadScript('tmux', 'exit-hook.sh', import.meta.url)
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 16)
  const folder = join(libDir, `hook-${hash}`)
  const path = join(folder, 'exit-hook.sh')
  if (existsSync(path) && (await readFile(path, 'utf8')) === content) return path
  await makePrivateFolder(folder)
  await replaceFile(path, content)
  return path
}

/** What tmux runs when the leader's pane has died: every value is a format, which it quotes for the shell. */
export const RUN_HOOK =
  "exec /bin/sh #{q:IAPEER_HOOK} #{q:IAPEER_HOOK_STATE} #{pane_id} #{pane_pid} '#{pane_dead_status}' '#{pane_dead_signal}' #{q:IAPEER_HOOK_SESSION}"

/** What records the end of a leader of which tmux tells nobody: exit-hook.sh says what the words mean. */
export const runRemoved = (pane: 'gone' | 'replaced' | 'held'): string =>
  `exec /bin/sh #{q:IAPEER_HOOK} #{q:IAPEER_HOOK_STATE} ${pane}`

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
