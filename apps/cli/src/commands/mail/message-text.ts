import type { HistoryStep, MessageSender, MessageState, SenderProof, WayName } from '@iapeer/core/mailbox'
import type { MessageView } from '@iapeer/lifecycle/mail'
import { paint, plain } from '../../output.ts'

/** A state as one word, with `held` and `unsure`, which the state alone does not tell. */
export type StateWord = MessageState | 'held' | 'unsure'

export const stateWord = ({ state, isHeld, isUnsure }: MessageView): StateWord =>
  isHeld ? 'held' : isUnsure ? 'unsure' : state

const STYLES = {
  waiting: 'yellow',
  held: 'yellow',
  offered: 'yellow',
  unsure: 'red',
  taken: 'green',
  handled: 'green',
  answered: 'green',
  returned: 'red',
} as const satisfies Record<StateWord, string>

/** Returns a state in its colour. */
export const paintedState = (word: StateWord): string => paint(STYLES[word], word)

/** What is known about a message without turns, in words. */
const REASONS: Readonly<Record<string, string>> = {
  'held: policy': 'the rules of its recipient hold this sender; a person releases it',
  'held: rate': 'too many messages of this sender; it is given later by itself',
  'held: hourly rate': 'too many messages of this sender in an hour; it is given later by itself',
  'held: hops': 'too many messages have caused one another; a person releases it',
  'held: suspect': 'two sessions died with it; a person releases it',
  booting: 'its recipient is starting',
  blocked: 'a dialog waits for a person',
  mute: 'its recipient cannot answer (quota, login)',
  frozen: 'its recipient got no processor time',
  interrupted: 'a person has just interrupted its recipient',
  busy: 'its recipient works',
  disk: 'the disk is full',
  turns: 'messages have begun enough turns on this host in this hour',
  pace: 'too many messages of this sender at once',
  'old session': 'its session was started before messages: restart it',
  'no way': 'nothing carries it to its recipient: it waits to be read (iapeer inbox)',
  stopped: 'a person has stopped its recipient',
  'crash-loop': 'its recipient is in a crash loop',
  policy: 'the rules of its recipient refuse this sender',
  'no-such-runtime': 'its recipient does not have that runtime',
  full: 'the mailbox is full',
  removed: 'its recipient was removed',
  expired: 'it waited too long',
}

/** Returns why a message is in its state, in words; undefined if nothing is known. */
export function reasonText(why: string | undefined): string | undefined {
  if (why === undefined) return undefined
  return REASONS[why] ?? plain(why).replace(/^by (?=\S+$)/, 'taken back by ')
}

const WAYS = {
  inbox: 'inbox socket',
  rewake: 'watcher',
  paste: 'typed into its terminal',
  'app-server': 'app server',
  queue: 'queue of the program',
  'pane-json': 'a line of JSON in its terminal',
  directory: 'directory',
  socket: 'socket',
  pull: 'read with iapeer inbox',
} as const satisfies Record<WayName, string>

export const wayText = (way: string): string => {
  const known: Readonly<Record<string, string>> = WAYS
  return known[way] ?? plain(way)
}

const PROOFS = {
  bearer: 'proven by the token of its session',
  ancestor: 'a process of its session',
  terminal: 'a person at a terminal',
  daemon: 'the daemon',
  none: 'not proven',
} as const satisfies Record<SenderProof, string>

/** Returns how sure the sender of a message is. */
export const proofText = ({ proof }: MessageSender): string => PROOFS[proof]

/** Returns a step of a message: `offered to command-bob, attempt 1, directory`. */
export function stepText({ state, identity, n, way, why }: HistoryStep): string {
  const attempt = n === undefined ? '' : `, attempt ${n}`
  const by = way === undefined ? '' : `, ${wayText(way)}`
  const preposition = state === 'offered' ? 'to' : 'by'
  const who = identity === undefined ? '' : ` ${preposition} ${identity}`
  const reason = reasonText(why)
  return `${state}${who}${attempt}${by}${reason === undefined ? '' : `: ${reason}`}`
}

/**
 * Returns a text of several lines that cannot act on a terminal: control characters and direction marks become blanks, line breaks
 * and tabs stay.
 */
export const safeText = (text: string): string =>
  text
    .replace(/\r\n?/g, '\n')
    .split('\n')
    .map((line) => line.split('\t').map(plain).join('\t'))
    .join('\n')
