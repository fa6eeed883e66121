import { stoppedProcesses } from '@iapeer/core/process'
import {
  connectionOf,
  currentThread,
  isEmbedded,
  RpcRefused,
  RpcSilent,
  turnsOf,
} from '../../../conversations/codex/index.ts'
import type { TurnOutcome } from '../../../conversations/index.ts'
import { phaseOf } from '../../../sessions/index.ts'
import type { MailAdapter, MailTarget, NotReady } from '../../way.ts'
import { appServerWay, threadNotReady, turnOfMessage } from './app-server-way.ts'
import { embeddedReadiness, INTERRUPTED_MS } from './embedded-state.ts'
import { findInRollout } from './find-in-rollout.ts'
import { findPasted, pasteWay } from './paste-way.ts'
import { lastLookInQueue, queueWay } from './queue-way.ts'

/** Returns whether anything may be offered, by the state of the thread on the screen. */
async function threadReadiness(target: MailTarget): Promise<'ready' | NotReady> {
  const connected = await connectionOf(target)
  if (connected.kind === 'silent') return 'unknown'
  if (connected.kind === 'off') return 'ready'
  const { connection } = connected
  try {
    const current = await currentThread(connection)
    if (current === undefined) return 'booting'
    const why = await threadNotReady(connection, current.thread)
    if (why !== undefined) return why
    for await (const { status, completedMs = 0 } of turnsOf(connection.client, current.thread, 1))
      return status === 'interrupted' && Date.now() - completedMs < INTERRUPTED_MS ? 'interrupted' : 'ready'
    return 'ready'
  } catch (error) {
    if (error instanceof RpcRefused || error instanceof RpcSilent) return 'unknown'
    throw error
  }
}

const OUTCOMES = {
  inProgress: { kind: 'running' },
  completed: { kind: 'ended' },
  interrupted: { kind: 'interrupted' },
  unknown: { kind: 'unknown' },
} as const satisfies Record<string, TurnOutcome>

/** Delivers to Codex: by its private app-server; to one that runs without, by its queue, or as a paste. */
export const codexMail: MailAdapter = {
  hasTurns: true,
  ways: ({ session }) => (session.mail === undefined ? [] : [appServerWay, queueWay, pasteWay]),
  readiness: async (target) => {
    const phase = phaseOf(target.session)
    if (phase !== 'ready') return phase
    if ((await stoppedProcesses([target.session.leader.pid])).size > 0) return 'frozen'
    return isEmbedded(target) ? embeddedReadiness(target) : threadReadiness(target)
  },
  lastLook: async (target, request) => {
    if (request.attempt.way === 'queue') return lastLookInQueue(target, request)
    const found = await findInRollout(request)
    return found === undefined ? { kind: 'none' } : { kind: 'taken', by: 'transcript', turn: found.turnId }
  },
  turn: async (target, request) => {
    const turn = request.attempt.way === 'app-server' ? await turnOfMessage(target, request) : undefined
    if (turn === undefined) {
      const isPasted = request.attempt.way === 'paste'
      const found = await (isPasted ? findPasted(target, request) : findInRollout(request))
      return found?.outcome ?? { kind: 'unknown' }
    }
    if (turn.status === 'failed') return { kind: 'failed', why: turn.error?.message ?? 'without a reason' }
    return OUTCOMES[turn.status]
  },
  // Only a frame that is posted a second time needs this; no way of Codex does that.
  showedLife: async () => false,
}
