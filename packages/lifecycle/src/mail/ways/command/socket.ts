import { connect } from 'node:net'
import { resolve } from 'node:path'
import { LineSplitter } from '@iapeer/core/async'
import { errnoOf } from '@iapeer/core/errors'
import type { Attempt, MessageId } from '@iapeer/core/mailbox'
import { declaredMail } from '../../settings.ts'
import type { Made, MailTarget, Offer, Way } from '../../way.ts'
import { acknowledgementOf, jsonLine, programMessages } from './program-message.ts'

/** How long the program may take to acknowledge on the same connection. */
const ANSWER_MS = 2_000
/** How often an unacknowledged message is given again: the same line, with the same id and number. */
const AGAIN_MS = 5_000
const MOST_KNOWN = 10_000

/** The acknowledgements of this process. After its restart the same line is given again, and acknowledged again. */
const acknowledged = new Set<string>()
const givenAt = new Map<string, number>()

const keyOf = (id: MessageId, { mark }: Pick<Attempt, 'mark'>): string => `${id} ${mark}`

function bounded(known: { readonly size: number; readonly clear: () => void }): void {
  if (known.size > MOST_KNOWN) known.clear()
}

function socketPath({ profile, session }: MailTarget): string | undefined {
  const { socket } = declaredMail(profile)
  const base = session.mail?.directory
  if (socket === undefined) return base === undefined ? undefined : resolve(base, 'mail.sock')
  return resolve(base ?? '/', socket)
}

/** Writes lines to a unix socket, and reads lines until `isLast` or the time limit. @returns undefined if nothing was connected */
function exchange(
  path: string,
  lines: string,
  isLast: (line: string) => boolean,
): Promise<'connected' | string> {
  return new Promise((done) => {
    const splitter = new LineSplitter()
    const socket = connect(path)
    let isConnected = false
    const end = (result: 'connected' | string): void => {
      clearTimeout(timer)
      socket.destroy()
      done(result)
    }
    const timer = setTimeout(
      () => end(isConnected ? 'connected' : 'it did not accept the connection'),
      ANSWER_MS,
    )
    socket.setEncoding('utf8')
    socket.once('connect', () => {
      isConnected = true
      socket.write(lines)
    })
    socket.on('data', (chunk: string) => {
      for (const line of splitter.push(chunk)) if (isLast(line)) end('connected')
    })
    socket.once('close', () => end(isConnected ? 'connected' : 'the connection was closed'))
    socket.once('error', (error) => end(isConnected ? 'connected' : (errnoOf(error) ?? error.message)))
  })
}

/** How long a program may take after its start until it listens. */
const LISTENS_MS = 60_000

function isYoung({ session: { startedAt } }: MailTarget): boolean {
  const ageMs = Date.now() - Date.parse(startedAt)
  return ageMs >= 0 && ageMs < LISTENS_MS
}

async function give(target: MailTarget, offer: Offer, attempt: Attempt): Promise<Made> {
  const path = socketPath(target)
  if (path === undefined) return { kind: 'not-made', why: 'no socket is declared', isOff: true }
  const messages = programMessages(offer, attempt)
  const missing = new Map(messages.map(({ id }) => [acknowledgementOf(id, attempt), id]))
  for (const { id } of messages) givenAt.set(keyOf(id, attempt), Date.now())
  const lines = messages.map(({ fields }) => `${jsonLine(fields)}\n`).join('')
  const result = await exchange(path, lines, (line) => {
    const id = missing.get(line.trim())
    if (id !== undefined) acknowledged.add(keyOf(id, attempt))
    missing.delete(line.trim())
    return missing.size === 0
  })
  bounded(acknowledged)
  bounded(givenAt)
  return result === 'connected'
    ? { kind: 'made' }
    : { kind: 'not-made', why: result, isOff: !isYoung(target) }
}

/**
 * Writes one line of JSON to the unix socket of the program, which acknowledges it on the same connection. A line that is not
 * acknowledged is given again.
 */
export const socketWay: Way = {
  name: 'socket',
  prepare: async (target) => {
    const path = socketPath(target)
    return path === undefined
      ? { kind: 'off', why: 'no socket is declared' }
      : { kind: 'usable', conversation: { kind: 'none', id: '', path } }
  },
  offer: give,
  prove: async (target, { id, attempt, offer }) => {
    const key = keyOf(id, attempt)
    const isDue = Date.now() - (givenAt.get(key) ?? 0) >= AGAIN_MS
    if (!acknowledged.has(key) && isDue && offer !== undefined) await give(target, offer, attempt)
    return acknowledged.has(key) ? { kind: 'taken', by: 'acknowledgement' } : { kind: 'none' }
  },
}
