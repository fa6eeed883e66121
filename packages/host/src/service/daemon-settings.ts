import { superviseSettings } from '@iapeer/lifecycle/supervise'

/** What a daemon is set by, and holds no secret. */
const RECORDED = [
  'IAPEER_SOCK_DIR',
  'IAPEER_RECORDS',
  'IAPEER_TICK_SECS',
  'IAPEER_CRASHLOOP_MAX',
  'IAPEER_CRASHLOOP_WINDOW_SECS',
  'IAPEER_IDLE_SECS',
  'IAPEER_EPHEMERAL_QUIET_SECS',
  'IAPEER_EPHEMERAL_UNARMED_IDLE_SECS',
  'IAPEER_LIFECYCLE_LOG_MAX_BYTES',
  'IAPEER_LIFECYCLE_LOG_KEEP',
  'IAPEER_SIGNAL_WITNESS',
  'IAPEER_NOTIFY',
] as const
/** What is a secret, or of no use without one: it does not belong into a file that others copy about. */
const WITHHELD = ['IAPEER_PORT', 'IAPEER_BEARER_TOKEN', 'IAPEER_WEBHOOK_URL'] as const

/**
 * The settings that a service takes over from whoever installs it, and those that it does not.
 * @throws IapeerError `bad-setting`
 */
export function daemonSettings(env: NodeJS.ProcessEnv): {
  readonly recorded: Readonly<Record<string, string>>
  readonly withheld: readonly string[]
} {
  superviseSettings(env)
  const set = (name: string): string => env[name] ?? ''
  return {
    recorded: Object.fromEntries(
      RECORDED.filter((name) => set(name) !== '').map((name) => [name, set(name)]),
    ),
    withheld: WITHHELD.filter((name) => set(name) !== ''),
  }
}
