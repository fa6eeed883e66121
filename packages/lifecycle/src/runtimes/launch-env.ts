import { join } from 'node:path'
import { type IdentityParts, peerEnv } from '@iapeer/core/identity'
import { peerDirectory } from '@iapeer/core/profile'
import { type LaunchEnv, parseLaunchEnv, readRegularFile } from '@iapeer/core/storage'

/** The PATH if the caller's environment has none. */
const USUAL_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
/** Variables that identify the caller and that a peer must not inherit. */
const CALLER_ONLY =
  /^(?:TMUX|TMUX_PANE|PEER_.*|CLAUDECODE|CLAUDE_CODE_.*|CODEX_THREAD_ID|IAPEER_BEARER|IAPEER_MAIL_DIR|IAPEER_BEARER_TOKEN|IAPEER_PORT|IAPEER_WEBHOOK_URL|INIT_CWD|npm_.*|PNPM_.*|NOTIFY_SOCKET|WATCHDOG_(?:PID|USEC)|INVOCATION_ID|JOURNAL_STREAM|SYSTEMD_EXEC_PID)$/

/**
 * Reads `<home>/.iapeer/runtimes/<runtime>/launch.env`; empty if there is none.
 * @throws IapeerError `invalid-launch-env`, `unusable-file`
 */
export async function readLaunchEnv(home: string, runtime: string): Promise<LaunchEnv> {
  const path = join(peerDirectory(home), 'runtimes', runtime, 'launch.env')
  const found = await readRegularFile(path)
  return parseLaunchEnv(found?.text ?? '', path)
}

/**
 * Returns the environment of a peer: the caller's environment without the variables that identify the caller, launch.env, and
 * the `PEER_*` variables.
 */
export function environmentOf(
  caller: NodeJS.ProcessEnv,
  launchEnv: LaunchEnv,
  parts: IdentityParts,
  home: string,
): NodeJS.ProcessEnv {
  const inherited = Object.fromEntries(Object.entries(caller).filter(([name]) => !CALLER_ONLY.test(name)))
  return { ...inherited, PATH: inherited['PATH'] || USUAL_PATH, ...launchEnv.env, ...peerEnv(parts, home) }
}
