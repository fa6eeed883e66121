import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { parseIdentity } from '@iapeer/core/identity'
import { rootLayout } from '@iapeer/core/paths'
import { hasProcfs, stoppedProcesses } from '@iapeer/core/process'
import type { SessionTarget } from '../conversations/index.ts'
import { type PeerSession, phaseOf } from '../sessions/index.ts'
import { lookAtClaude } from './look-claude.ts'
import { lookAtCodex } from './look-codex.ts'
import { lookAtOutput } from './look-output.ts'
import { stoppedTurn, type TurnLook, unknownTurn } from './turn-look.ts'

/** A running session, and the root it belongs to. */
export interface TurnTarget extends SessionTarget {
  readonly root: string
}

/** Returns the look at a session whose launch is not finished; undefined for one that is. */
function lookAtLaunch(session: PeerSession): TurnLook | undefined {
  const phase = phaseOf(session)
  if (phase === 'ready') return undefined
  const { blocked } = session
  if (blocked === undefined) return unknownTurn('its launch is not finished')
  const { since, dialog = 'a screen that iapeer does not know' } = blocked
  return {
    turn: { state: 'blocked', source: 'launch', since, dialog },
    statements: [{ source: 'launch', says: `the launch waits at: ${dialog}`, at: since }],
  }
}

function lookAtProgram({ root, session }: TurnTarget): Promise<TurnLook> {
  switch (parseIdentity(session.identity)?.runtime) {
    case 'claude':
      return lookAtClaude({ session })
    case 'codex':
      return lookAtCodex({ session })
    default:
      return lookAtOutput(join(rootLayout(root).paneLogDir, `${session.identity}.log`))
  }
}

/**
 * Looks at what a running session does. A source that cannot be read makes it `unknown`; a state is never guessed. Changes nothing.
 */
export async function lookAtTurn(target: TurnTarget): Promise<TurnLook> {
  const ofLaunch = lookAtLaunch(target.session)
  if (ofLaunch !== undefined) return ofLaunch
  const { pid } = target.session.leader
  try {
    // Without /proc this would start a process for each look.
    if (hasProcfs() && (await stoppedProcesses([pid])).size > 0) return stoppedTurn(pid)
    return await lookAtProgram(target)
  } catch (error) {
    if (errnoOf(error) === undefined && !isIapeerError(error)) throw error
    return unknownTurn(`it could not be looked at: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** How long {@link lookInTime} waits for an agent. In milliseconds. */
const LOOK_MS = 1_500

/** Looks at what a running session does, for a command: an agent that does not answer in time is `unknown`. */
export async function lookInTime(target: TurnTarget): Promise<TurnLook> {
  const timer = new AbortController()
  const late = sleep(LOOK_MS, undefined, { signal: timer.signal }).catch(ignoreAbort)
  const look = await Promise.race([lookAtTurn(target), late])
  timer.abort()
  return look ?? unknownTurn(`it did not answer within ${LOOK_MS / 1_000} s`)
}

/** The timer is stopped once it is not needed. */
function ignoreAbort(error: unknown): undefined {
  if (!(error instanceof Error) || error.name !== 'AbortError') throw error
}
