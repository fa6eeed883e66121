import type { PeerState } from '@iapeer/lifecycle/sessions'

/** How to get a peer running, as one line, for each state. A command that is advised never refuses in that state. */
const ADVICE = {
  running: (peer) => `It is running: iapeer attach ${peer}`,
  managed: (peer) => `It is running, under iapeer run: iapeer attach ${peer}`,
  blocked: (peer) => `It is running, but blocked by what its screen shows: iapeer attach ${peer}`,
  unresponsive: (peer) => `It is running, but its tmux server does not answer: iapeer show ${peer}`,
  stopped: (peer) => `It was stopped on purpose. Start it: iapeer start ${peer}`,
  suspended: (peer) => `It was suspended because it was idle. Start it: iapeer start ${peer}`,
  'crash-loop': (peer) =>
    `It gave up after too many deaths. When the cause is corrected (iapeer autopsy ${peer}): iapeer reset ${peer}, then iapeer start ${peer}`,
  exited: (peer) => `Start it: iapeer start ${peer}`,
  failed: (peer) => `Start it: iapeer start ${peer}`,
  'not-running': (peer) => `Start it: iapeer start ${peer}`,
} as const satisfies Record<PeerState, (peer: string) => string>

/** What is known of a peer. */
export interface AdvisedPeer {
  readonly state: PeerState
  /** Whether it is in a crash loop, which it can be while it is stopped on purpose. */
  readonly isInLoop?: boolean
  /** When the daemon will start it, ISO-8601. */
  readonly nextStartAt?: string | undefined
}

const HELD: readonly PeerState[] = ['stopped', 'crash-loop']

/**
 * Returns what a person can do to get a peer running.
 * @param peer its name or identity, as the argument of a command
 */
export function startAdvice(peer: string, { state, isInLoop, nextStartAt }: AdvisedPeer): string {
  if (isInLoop === true && HELD.includes(state)) return ADVICE['crash-loop'](peer)
  if (nextStartAt === undefined) return ADVICE[state](peer)
  const secs = Math.max(0, Math.ceil((Date.parse(nextStartAt) - Date.now()) / 1_000))
  return `The daemon starts it again in ${secs} s; iapeer start ${peer} starts it now`
}
