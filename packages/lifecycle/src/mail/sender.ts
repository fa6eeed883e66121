import { readFileSync } from 'node:fs'
import { errnoOf, IapeerError } from '@iapeer/core/errors'
import { isIdentity } from '@iapeer/core/identity'
import type { MessageSender } from '@iapeer/core/mailbox'
import { hasProcfs, readProcesses } from '@iapeer/core/process'
import { hashOfBearer, listSessions, type PeerSession } from '../sessions/index.ts'

/** How far the ancestors of a process are followed. */
const MAX_ANCESTORS = 64

const senderOf = ({ identity, gen }: PeerSession, proof: 'bearer' | 'ancestor'): MessageSender => ({
  kind: 'peer',
  proof,
  identity,
  ...(gen === undefined ? {} : { gen }),
})

/** Returns the sender that a bearer belongs to; undefined if it is not that of an enrolled session. */
export async function senderOfBearer(root: string, bearer: string): Promise<MessageSender | undefined> {
  const hash = hashOfBearer(bearer)
  const session = (await listSessions(root)).find(({ mail }) => mail?.bearerHash === hash)
  return session === undefined ? undefined : senderOf(session, 'bearer')
}

/** Returns the session whose leader is the process or one of its ancestors. */
async function sessionOfAncestor(
  pid: number,
  sessions: readonly PeerSession[],
): Promise<PeerSession | undefined> {
  let at = pid
  for (let step = 0; step < MAX_ANCESTORS && at > 1; step++) {
    const facts = (await readProcesses([at])).get(at)
    if (facts === undefined || !('ppid' in facts)) return undefined
    const { token } = facts
    const found = sessions.find(({ leader }) => leader.pid === at && leader.token === token)
    if (found !== undefined) return found
    at = facts.ppid
  }
  return undefined
}

/** Returns the device number of the controlling terminal of a process (field 7 of proc_pid_stat(5)); 0 without one. */
function terminalOf(pid: number | 'self'): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[4] ?? 0) || 0
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return 0
  }
}

/** Returns the session whose pane is the controlling terminal of a process. Without /proc that is not known. */
function sessionOfTerminal(terminal: number, sessions: readonly PeerSession[]): PeerSession | undefined {
  return terminal === 0 ? undefined : sessions.find(({ leader }) => terminalOf(leader.pid) === terminal)
}

const hasTerminal = (): boolean =>
  hasProcfs()
    ? terminalOf('self') !== 0
    : [process.stdin, process.stdout, process.stderr].some(({ isTTY }) => isTTY === true)

/** The process that sends, and what it states about itself. */
export interface SenderInput {
  readonly env: NodeJS.ProcessEnv
  /** @default this process */
  readonly pid?: number
  /** The person states to be the operator, without a terminal. */
  readonly asOperator?: boolean
}

/** Returns the session that a process belongs to, by its ancestors, then by its terminal. */
async function sessionAround(root: string, pid: number): Promise<PeerSession | undefined> {
  const sessions = await listSessions(root)
  if (sessions.length === 0) return undefined
  return (
    (await sessionOfAncestor(pid, sessions)) ??
    (pid === process.pid && hasProcfs() ? sessionOfTerminal(terminalOf('self'), sessions) : undefined)
  )
}

/**
 * Identifies the sender of a message: by the bearer of a session, else by the session around the process, else by what it states
 * (`PEER_IDENTITY`), else as the operator at a terminal that belongs to no session. An agent that loses its bearer never becomes the
 * operator.
 * @throws IapeerError `bearer-unknown`, `not-the-operator`
 */
export async function identifySender(root: string, input: SenderInput): Promise<MessageSender> {
  const { env, pid = process.pid, asOperator = false } = input
  const bearer = env['IAPEER_BEARER']
  if (bearer !== undefined && bearer !== '') {
    const known = await senderOfBearer(root, bearer)
    if (known !== undefined) return asOperator ? refuseOperator(known) : known
    throw new IapeerError('IAPEER_BEARER is not that of a running session of this root', {
      code: 'bearer-unknown',
    })
  }
  const around = await sessionAround(root, pid)
  if (around !== undefined) {
    const sender = senderOf(around, 'ancestor')
    return asOperator ? refuseOperator(sender) : sender
  }
  const stated = env['PEER_IDENTITY'] ?? ''
  if (isIdentity(stated)) {
    const sender: MessageSender = { kind: 'peer', proof: 'none', identity: stated }
    return asOperator ? refuseOperator(sender) : sender
  }
  if (hasTerminal()) return { kind: 'operator', proof: 'terminal' }
  return asOperator ? { kind: 'operator', proof: 'none' } : { kind: 'unknown', proof: 'none' }
}

function refuseOperator({ identity }: MessageSender): never {
  throw new IapeerError(`a process of ${identity} cannot send as the operator`, { code: 'not-the-operator' })
}
