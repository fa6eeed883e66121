import { type Fields, fieldsOf, list, number, parseFields, text, word } from '../codec/json-fields.ts'
import { type Identity, isIdentity, isPersonality, isRuntime } from '../identity/identity.ts'
import {
  type Attachment,
  type Attempt,
  type Conversation,
  type HistoryStep,
  MESSAGE_KINDS,
  MESSAGE_STATES,
  type Message,
  type MessageSender,
  PRIORITIES,
  SENDER_KINDS,
  SENDER_PROOFS,
  type Taking,
  TURNS,
  WAYS,
} from './message.ts'
import { isMessageId, type MessageId } from './message-id.ts'

/** The version of the format of a message file. Fields are only added; a file of a higher version is left alone. */
const MESSAGE_VERSION = 1

/** A parsed message file. `newer`: an iapeer of a later version wrote it. */
export type ParsedMessage =
  | { readonly ok: true; readonly message: Message }
  | { readonly ok: false; readonly problem: 'newer' | 'broken' }

const identity = (value: unknown): Identity | undefined => {
  const stated = text(value)
  return stated !== undefined && isIdentity(stated) ? stated : undefined
}
const messageId = (value: unknown): MessageId | undefined => (isMessageId(value) ? value : undefined)
const flag = (value: unknown): boolean | undefined => (value === true ? true : undefined)

function senderOf(value: unknown): MessageSender | undefined {
  const fields = fieldsOf(value)
  const [kind, proof] = [word(fields['kind'], SENDER_KINDS), word(fields['proof'], SENDER_PROOFS)]
  if (kind === undefined || proof === undefined) return undefined
  return { kind, proof, identity: identity(fields['identity']), gen: text(fields['gen']) }
}

function attachmentOf(value: unknown): Attachment[] {
  const fields = fieldsOf(value)
  const [source, path] = [text(fields['source']), text(fields['path'])]
  const [bytes, modifiedMs] = [number(fields['bytes']), number(fields['modifiedMs'])]
  if (source === undefined || path === undefined || bytes === undefined || modifiedMs === undefined) return []
  return [{ source, path, bytes, modifiedMs, sha256: text(fields['sha256']) }]
}

function conversationOf(value: unknown): Conversation {
  const fields = fieldsOf(value)
  return {
    kind: word(fields['kind'], ['claude', 'codex', 'none'] as const) ?? 'none',
    id: text(fields['id']) ?? '',
    path: text(fields['path']),
    inode: text(fields['inode']),
    offset: number(fields['offset']),
  }
}

function attemptOf(value: unknown): Attempt | undefined {
  const fields = fieldsOf(value)
  const [n, way, to] = [number(fields['n']), word(fields['way'], WAYS), identity(fields['identity'])]
  const [leader, mark, at] = [text(fields['leader']), text(fields['mark']), text(fields['at'])]
  if (n === undefined || way === undefined || to === undefined) return undefined
  if (leader === undefined || mark === undefined || at === undefined) return undefined
  return {
    ...{ n, way, identity: to, gen: text(fields['gen']) ?? '', leader, mark, at },
    directory: text(fields['directory']),
    conversation: conversationOf(fields['conversation']),
    uptimeMs: number(fields['uptimeMs']) ?? 0,
    accepted: flag(fields['accepted']),
    repeated: flag(fields['repeated']),
    unsure: flag(fields['unsure']),
  }
}

function takingOf(value: unknown): Taking | undefined {
  const fields = fieldsOf(value)
  const [n, way, to] = [number(fields['n']), word(fields['way'], WAYS), identity(fields['identity'])]
  const at = text(fields['at'])
  if (n === undefined || way === undefined || to === undefined || at === undefined) return undefined
  return {
    ...{ n, way, identity: to, at, gen: text(fields['gen']) ?? '', proof: text(fields['proof']) ?? '' },
    turn: text(fields['turn']),
    where: word(fields['where'], ['left-thread'] as const),
  }
}

function stepOf(value: unknown): HistoryStep[] {
  const fields = fieldsOf(value)
  const [step, at] = [number(fields['step']), text(fields['at'])]
  const state = word(fields['state'], MESSAGE_STATES)
  if (step === undefined || at === undefined || state === undefined) return []
  return [
    {
      ...{ step, at, state, why: text(fields['why']), n: number(fields['n']), gen: text(fields['gen']) },
      way: word(fields['way'], WAYS),
      identity: identity(fields['identity']),
    },
  ]
}

/** The fields that no change touches. */
function envelopePart(fields: Fields) {
  const runtime = text(fields['runtime'])
  return {
    runtime: runtime !== undefined && isRuntime(runtime) ? runtime : undefined,
    re: messageId(fields['re']),
    resendOf: messageId(fields['resendOf']),
    topic: text(fields['topic']),
    text: text(fields['text']) ?? '',
    isTextRemoved: flag(fields['isTextRemoved']),
    attachments: list(fields['attachments']).flatMap(attachmentOf),
    priority: word(fields['priority'], PRIORITIES) ?? 'next',
    hops: number(fields['hops']) ?? 0,
    boot: text(fields['boot']) ?? '',
    uptimeMs: number(fields['uptimeMs']) ?? 0,
    expiresMs: number(fields['expiresMs']),
  }
}

/** The fields that steps change. */
function statePart(fields: Fields) {
  return {
    why: text(fields['why']),
    target: identity(fields['target']),
    attempt: attemptOf(fields['attempt']),
    attempts: number(fields['attempts']) ?? 0,
    wanted: word(fields['wanted'], ['returned'] as const),
    deaths: number(fields['deaths']) ?? 0,
    again: word(fields['again'], ['1', 'maybe'] as const),
    taken: takingOf(fields['taken']),
    turn: word(fields['turn'], TURNS),
    death: text(fields['death']),
    answeredBy: messageId(fields['answeredBy']),
    isOver: flag(fields['isOver']),
    history: list(fields['history']).flatMap(stepOf),
  }
}

/** Parses the text of a message file. */
export function parseMessage(json: string): ParsedMessage {
  const fields = parseFields(json)
  const version = number(fields?.['v'])
  if (fields === undefined || version === undefined) return { ok: false, problem: 'broken' }
  if (version > MESSAGE_VERSION) return { ok: false, problem: 'newer' }
  const [id, from, to] = [messageId(fields['id']), senderOf(fields['from']), fields['to']]
  const [seq, step, at] = [number(fields['seq']), number(fields['step']), text(fields['at'])]
  const [kind, state] = [word(fields['kind'], MESSAGE_KINDS), word(fields['state'], MESSAGE_STATES)]
  if (id === undefined || from === undefined || !isPersonality(to)) return { ok: false, problem: 'broken' }
  if (seq === undefined || step === undefined || at === undefined) return { ok: false, problem: 'broken' }
  if (kind === undefined || state === undefined) return { ok: false, problem: 'broken' }
  const message = { id, seq, kind, from, to, at, state, step, ...envelopePart(fields), ...statePart(fields) }
  return { ok: true, message }
}

/** Formats a message file. */
export const formatMessage = (message: Message): string =>
  `${JSON.stringify({ v: MESSAGE_VERSION, ...message })}\n`
