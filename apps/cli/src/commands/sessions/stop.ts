import type { Identity } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import { readSession, type StopResult, stopPeer } from '@iapeer/lifecycle'
import { paint, print, printJson } from '../../output.ts'
import { identitiesNamed, parseTimeout } from '../../sessions.ts'

interface StopOptions {
  readonly timeout?: string
  readonly force?: boolean
  readonly json?: boolean
}

interface Stopped {
  readonly identity: Identity
  readonly result: StopResult
}

/** Takes down whatever of these was launched; of none, the first one is noted as stopped. */
export async function stopSessions(
  identities: readonly Identity[],
  options: { readonly by: string; readonly graceMs?: number | undefined; readonly force?: boolean },
): Promise<Stopped[]> {
  const root = iapeerRoot()
  const { by, graceMs, force } = options
  const stopped: Stopped[] = []
  for (const [at, identity] of identities.entries()) {
    if (at > 0 && (await readSession(root, identity)) === undefined) continue
    const result = await stopPeer(root, identity, {
      by,
      onLogFailure: (error) =>
        process.stderr.write(
          `iapeer: the stop is not in lifecycle.log: ${error instanceof Error ? error.message : error}\n`,
        ),
      ...(graceMs === undefined ? {} : { graceMs }),
      ...(force === undefined ? {} : { force }),
    })
    stopped.push({ identity, result })
  }
  return stopped
}

function said(result: StopResult): string {
  if (result.state === 'stopped') return 'was not running; it stays stopped'
  const how = result.leader === 'killed' ? '; its program had to be killed' : ''
  if (result.state === 'session-ended')
    return `is stopped${how}; its tmux server lives on, others have sessions there`
  return `is stopped${how}`
}

export async function stop(peer: string, options: StopOptions): Promise<void> {
  const graceMs = parseTimeout(options.timeout)
  const { identities } = await identitiesNamed(peer)
  const force = options.force === undefined ? {} : { force: options.force }
  for (const { identity, result } of await stopSessions(identities, {
    by: 'iapeer stop',
    graceMs,
    ...force,
  })) {
    if (options.json === true)
      printJson({ identity, ...result, ...('ms' in result ? { ms: Math.round(result.ms) } : {}) })
    else print(`${paint('dim', '✕')} ${paint('bold', identity)} ${said(result)}`)
  }
}
