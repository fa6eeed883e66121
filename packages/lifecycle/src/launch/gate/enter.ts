import { setTimeout as sleep } from 'node:timers/promises'
import { IapeerError, isIapeerError } from '@iapeer/core/errors'
import { type Identity, parseIdentity } from '@iapeer/core/identity'
import { readNumber, SETTINGS } from '@iapeer/core/settings'
import type { EventLog } from '../../eventlog/index.ts'
import { type LaunchAsker, type QueueReason, queuedText } from '../../sessions/index.ts'
import type { HostMemory } from './host-memory.ts'
import { LaunchTicket } from './ticket.ts'

/** How a launch waits until there is memory for it and few others start. */
export interface QueueOptions {
  /** @default person */
  readonly by?: LaunchAsker | undefined
  /** How long it may wait, in milliseconds. 0: the caller asks again, and keeps its place meanwhile. @default `launch.wait_secs` */
  readonly limitMs?: number | undefined
  /** Begins at once. @default false */
  readonly now?: boolean | undefined
  /** Returns the memory that programs can use. @default that of the system */
  readonly memory?: (() => Promise<HostMemory | undefined>) | undefined
}

interface GateRequest extends QueueOptions {
  readonly env: NodeJS.ProcessEnv
  readonly signal?: AbortSignal | undefined
  /** Whether the launch is still needed: another process may have started the peer. */
  readonly isNeeded: () => Promise<boolean>
  readonly log: EventLog
}

/** The first in the queue looks so often, those behind it less often. In milliseconds. */
const LOOK_MS = 100
const LOOK_MAX_MS = 2_000

interface Waiting {
  readonly ticket: LaunchTicket
  isNoted: boolean
}

/** The places of callers that ask again, by root and identity. */
const places = new Map<string, Waiting>()

function queuedError(identity: Identity, reason: QueueReason, waitedMs: number): IapeerError {
  const name = parseIdentity(identity)?.personality ?? identity
  const waited = waitedMs < 1_000 ? '' : ` after ${Math.round(waitedMs / 1_000)} s`
  return new IapeerError(`${identity} is still queued${waited}: ${queuedText(reason)}`, {
    code: 'launch-queued',
    hint: `Free some memory or stop other peers, and start it again; iapeer start ${name} --now does not wait.`,
  })
}

/** Notes once that a launch waits; a wait for others that are starting is usual. */
async function note(
  identity: Identity,
  {
    waiting,
    reason,
    log,
  }: { readonly waiting: Waiting; readonly reason: QueueReason; readonly log: EventLog },
): Promise<void> {
  if (waiting.isNoted || reason.why === 'others') return
  waiting.isNoted = true
  const why = queuedText(reason)
  await log.note({ ev: 'supervise', identity, action: 'queued', why })
}

/** Waits for the next look. @throws IapeerError `interrupted` */
async function pause(
  identity: Identity,
  { ahead, signal }: { readonly ahead: number; readonly signal: AbortSignal | undefined },
): Promise<void> {
  try {
    const waitMs = Math.min(LOOK_MAX_MS, LOOK_MS * (1 + ahead))
    await sleep(waitMs, undefined, signal === undefined ? {} : { signal })
  } catch (error) {
    if (signal?.aborted !== true) throw error
    throw new IapeerError(`the start of ${identity} was interrupted while it was queued`, {
      code: 'interrupted',
      hint: 'Nothing was started.',
      cause: error,
    })
  }
}

async function awaitTurn(
  identity: Identity,
  waiting: Waiting,
  { isNeeded, log, signal, limitMs }: GateRequest & { readonly limitMs: number },
): Promise<LaunchTicket | undefined> {
  const until = performance.now() + limitMs
  for (;;) {
    const answer = await waiting.ticket.ask()
    if (answer.kind === 'go') return waiting.ticket
    const { reason } = answer
    await note(identity, { waiting, reason, log })
    if (performance.now() >= until) throw queuedError(identity, reason, waiting.ticket.waitedMs)
    await pause(identity, { ahead: answer.ahead, signal })
    if (!(await isNeeded())) return undefined
  }
}

/**
 * Waits until a launch may begin: enough memory is available, few others start, and no mass death holds it.
 * @returns the ticket of the launch, which the caller ends; undefined if the peer runs by now
 * @throws IapeerError `launch-queued` at the limit, `interrupted`, `bad-setting`
 */
export async function enterGate(
  root: string,
  identity: Identity,
  request: GateRequest,
): Promise<LaunchTicket | undefined> {
  const { by = 'person', env, memory, now = false } = request
  const limitMs = request.limitMs ?? readNumber(env, SETTINGS.launchWaitSecs) * 1_000
  const key = `${root}\0${identity}`
  const kept = limitMs === 0 ? places.get(key) : undefined
  const waiting = kept ?? { ticket: new LaunchTicket(root, identity, { by, env, memory }), isNoted: false }
  const { ticket } = waiting
  if (now) {
    await ticket.pass()
    return ticket
  }
  if (limitMs === 0) places.set(key, waiting)
  try {
    const entered = await awaitTurn(identity, waiting, { ...request, limitMs })
    places.delete(key)
    if (entered === undefined) await ticket.leave()
    return entered
  } catch (error) {
    const keepsPlace = limitMs === 0 && isIapeerError(error) && error.code === 'launch-queued'
    if (keepsPlace) throw error
    places.delete(key)
    await ticket.leave()
    throw error
  }
}

/** Gives up the place that callers who ask again keep. @returns how long it has waited, in milliseconds */
export async function leaveQueue(root: string, identity: Identity): Promise<number> {
  const key = `${root}\0${identity}`
  const waiting = places.get(key)
  places.delete(key)
  await waiting?.ticket.leave()
  return waiting?.ticket.waitedMs ?? 0
}

/** Returns for how long a caller that asks again has waited, in milliseconds; 0 without a place. */
export const queuedForMs = (root: string, identity: Identity): number =>
  places.get(`${root}\0${identity}`)?.ticket.waitedMs ?? 0
