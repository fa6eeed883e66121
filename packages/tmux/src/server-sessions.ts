import { isRefused } from '@iapeer/canary'
import { TmuxServer, type TmuxServerOptions } from './tmux-server.ts'

/** Returns the ids of the sessions of a server; undefined if it does not answer in time. */
export async function sessionIds(handle: TmuxServer, timeoutMs: number): Promise<string[] | undefined> {
  const sessions = await handle.run(['list-sessions', '-F', '#{session_id}'], { timeoutMs })
  return sessions.exitCode === 0 ? sessions.stdout.split('\n').filter((id) => id !== '') : undefined
}

const ASK_MS = 1_000

/**
 * Whether a server has no session, or is exiting, and goes on only because of its configuration: exit-empty, or a command without
 * end. (Of another version, it does not refuse its own program, which only Linux shows.)
 */
export async function isEmptyServer(options: TmuxServerOptions): Promise<boolean> {
  const asked = await new TmuxServer(options).run(['list-sessions', '-F', '#{session_id}'], {
    timeoutMs: ASK_MS,
  })
  if (asked.exitCode === 0) return asked.stdout.trim() === ''
  return process.platform === 'linux' && isRefused(asked.stderr)
}
