import { IapeerError } from '@iapeer/core/errors'
import { runTmux } from './run-tmux.ts'

/** A feature that a version of tmux lacks. */
export type Degraded = 'no-guard' | 'no-dead-signal'

/** A version of tmux and the features that it lacks. */
export interface TmuxVersion {
  /** As tmux prints it, without `tmux `: `3.3a`, `next-3.6`, `master`. */
  readonly text: string
  /**
   * `no-guard` before 3.2, which has no `-D`: the server runs with a watch instead. `no-dead-signal` before 3.3: tmux reports
   * neither signal nor status of a leader that a signal killed.
   */
  readonly degraded: readonly Degraded[]
}

/** Parses the output of `tmux -V`. A version without a number (`master`) counts as new. */
export function parseTmuxVersion(output: string): TmuxVersion {
  const text = output.trim().replace(/^tmux /, '')
  const [, major, minor] = /(\d+)\.(\d+)/.exec(text) ?? []
  const number =
    major === undefined || minor === undefined
      ? Number.POSITIVE_INFINITY
      : Number(major) * 100 + Number(minor)
  const degraded: Degraded[] = []
  if (number < 302) degraded.push('no-guard')
  if (number < 303) degraded.push('no-dead-signal')
  return { text, degraded }
}

/**
 * Asks tmux for its version.
 * @throws IapeerError `tmux-missing`, `tmux-unusable`
 */
export async function tmuxVersion(tmux = 'tmux'): Promise<TmuxVersion> {
  const answer = await runTmux({ socketPath: undefined, args: ['-V'], tmux })
  if (answer.exitCode === 0) return parseTmuxVersion(answer.stdout)
  throw new IapeerError(`${tmux} -V failed: ${answer.stderr.trim() || `exit code ${answer.exitCode}`}`, {
    code: 'tmux-unusable',
    hint: 'Run it in a shell to see why it fails.',
  })
}
