import { parseIdentity, toRuntime } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import { type Launched, launchPeer, requireDeclared } from '@iapeer/lifecycle'
import { usageError } from '../../exit-code.ts'
import { paint, print, printJson } from '../../output.ts'
import { peerHere } from '../../peers.ts'
import { identitiesNamed, parseTimeout } from '../../sessions.ts'
import { stopSessions } from './stop.ts'

interface StartOptions {
  readonly runtime?: string
  readonly timeout?: string
  readonly json?: boolean
}

function tell({ state, session, warnings }: Launched, json: boolean | undefined): void {
  const { identity, server, leader, gen, startedAt } = session
  for (const warning of warnings) process.stderr.write(`iapeer: ${warning}\n`)
  if (json === true) {
    const generation = gen === undefined ? {} : { gen }
    printJson({ state, identity, ...generation, serverPid: server.pid, leaderPid: leader.pid, startedAt })
    return
  }
  print(
    `${paint('green', '●')} ${paint('bold', identity)} is ${state === 'already' ? 'up already' : 'up'}: pid ${leader.pid}`,
  )
  print(`  iapeer attach ${session.identity}   sit down at it; prefix d leaves it running`)
}

function launchLimit(options: StartOptions): number | undefined {
  const timeoutMs = parseTimeout(options.timeout)
  if (timeoutMs !== 0) return timeoutMs
  throw usageError('a launch takes longer than 0 seconds', 'Leave --timeout out, or give it more.')
}

export async function start(peer: string, options: StartOptions): Promise<void> {
  const timeoutMs = launchLimit(options)
  const { entry, identities } = await identitiesNamed(peer)
  const named =
    options.runtime ?? (identities.length === 1 ? parseIdentity(identities[0] ?? '')?.runtime : undefined)
  const launched = await launchPeer(iapeerRoot(), entry, {
    ...(named === undefined ? {} : { runtime: toRuntime(named) }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  })
  tell(launched, options.json)
}

/** The peer of the current folder, afresh, as one of its runtimes: whatever else of it runs is taken down, in silence. */
export async function startHere(runtime: string, options: Omit<StartOptions, 'runtime'>): Promise<void> {
  const timeoutMs = launchLimit(options)
  const entry = await peerHere()
  const { identities } = await identitiesNamed(entry.personality)
  const named = toRuntime(runtime)
  requireDeclared(entry, named)
  await stopSessions(identities, { by: `iapeer ${runtime}`, graceMs: undefined })
  const limit = timeoutMs === undefined ? {} : { timeoutMs }
  tell(await launchPeer(iapeerRoot(), entry, { runtime: named, ...limit }), options.json)
}

/** Afresh: whatever runs of it is taken down, in silence. */
export async function renew(peer: string, options: Omit<StartOptions, 'runtime'>): Promise<void> {
  const { entry, identities } = await identitiesNamed(peer)
  await stopSessions(identities, { by: 'iapeer new', graceMs: parseTimeout(options.timeout) })
  tell(await launchPeer(iapeerRoot(), entry), options.json)
}
