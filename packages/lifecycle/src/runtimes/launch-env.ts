import { join } from 'node:path'
import { type IdentityParts, peerEnv } from '@iapeer/core/identity'
import { peerDirectory } from '@iapeer/core/profile'
import { type LaunchEnv, parseLaunchEnv, readRegularFile } from '@iapeer/core/storage'

/** Where programs are, if the caller's own environment does not say. */
const USUAL_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
/** Who or what the caller is, which the peer is not. */
const OF_THE_CALLER =
  /^(?:TMUX|TMUX_PANE|PEER_.*|CLAUDECODE|CLAUDE_CODE_.*|CODEX_THREAD_ID|IAPEER_BEARER|IAPEER_BEARER_TOKEN|IAPEER_PORT|IAPEER_WEBHOOK_URL|INIT_CWD|npm_.*|PNPM_.*|NOTIFY_SOCKET|WATCHDOG_(?:PID|USEC)|INVOCATION_ID|JOURNAL_STREAM|SYSTEMD_EXEC_PID)$/

/** `<home>/.iapeer/runtimes/<runtime>/launch.env`; empty where there is none. @throws IapeerError `invalid-launch-env`, `unusable-file` */
export async function readLaunchEnv(home: string, runtime: string): Promise<LaunchEnv> {
  const path = join(peerDirectory(home), 'runtimes', runtime, 'launch.env')
  const found = await readRegularFile(path)
  return parseLaunchEnv(found?.text ?? '', path)
}

/** The environment of a peer: that of the caller without what says who the caller is, its launch.env, and who the peer is. */
export function environmentOf(
  caller: NodeJS.ProcessEnv,
  launchEnv: LaunchEnv,
  parts: IdentityParts,
  home: string,
): NodeJS.ProcessEnv {
  const inherited = Object.fromEntries(Object.entries(caller).filter(([name]) => !OF_THE_CALLER.test(name)))
  return { ...inherited, PATH: inherited['PATH'] || USUAL_PATH, ...launchEnv.env, ...peerEnv(parts, home) }
}
