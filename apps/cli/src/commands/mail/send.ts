import { resolve } from 'node:path'
import { matchesPeer } from '@iapeer/core/identity'
import type { MessageSender } from '@iapeer/core/mailbox'
import { iapeerRoot } from '@iapeer/core/paths'
import { daemonStatus } from '@iapeer/host'
import { findMessage, isPaused, mailRoute, type Receipt, sendMessage } from '@iapeer/lifecycle/mail'
import { listSessions } from '@iapeer/lifecycle/sessions'
import type { OptionValues } from '../../command-spec.ts'
import { defineCommand } from '../../define-command.ts'
import { usageError } from '../../exit-code.ts'
import { print, printExact, printJson } from '../../output.ts'
import { JSON_OUTPUT, oneOf, parseDuration } from '../options.ts'
import { peerEntry } from '../peers/peer-entry.ts'
import { AS, callerOf } from './caller.ts'
import { messageFields } from './message-json.ts'
import { reasonText, safeText } from './message-text.ts'
import { readText } from './send-text.ts'
import {
  closeAnswer,
  keptText,
  OUTCOME_EXIT,
  outcomeText,
  type Sent,
  waitFor,
  withdraw,
} from './send-wait.ts'

const DEFAULT_TIMEOUT_MS = 10 * 60_000

const OPTIONS = {
  message: { short: 'm', value: 'text', help: 'the text, in place of words' },
  file: { value: 'path', help: 'read the text from this file' },
  topic: { value: 'text', help: 'what it is about, at most 200 characters' },
  re: { value: 'id', help: 'the message that this one answers' },
  attach: { value: 'path', help: 'attach a file; up to 10 MiB are copied (repeatable)', repeated: true },
  priority: {
    value: 'next|idle',
    help: 'next: also while the recipient works; idle: only when it does not (default: next)',
    parse: oneOf(['next', 'idle'] as const, (text) =>
      usageError(`invalid --priority ${JSON.stringify(text)}: expected next or idle`, 'Use next or idle.'),
    ),
  },
  runtime: { value: 'name', help: 'the runtime of the recipient that gets it (default: the one that fits)' },
  expires: {
    value: 'duration',
    help: 'return it if it still waits after 90s, 10m, 2h or 3d (default: mail.hold_days)',
    parse: parseDuration('--expires'),
  },
  wait: {
    value: 'stored|taken|answered',
    help: 'what to wait for (default: stored)',
    parse: oneOf(['stored', 'taken', 'answered'] as const, (text) =>
      usageError(
        `invalid --wait ${JSON.stringify(text)}: expected stored, taken or answered`,
        'stored: on disk. taken: proven to be in the conversation of the recipient. answered: an answer came.',
      ),
    ),
  },
  timeout: {
    value: 'duration',
    help: 'how long to wait, as 90s, 10m or 2h (default: 10m)',
    parse: parseDuration('--timeout'),
  },
  withdraw: {
    help: 'with --wait: take the message back if the wait ends without it, and that is still possible',
  },
  as: AS,
  json: JSON_OUTPUT,
} as const
type SendOptions = OptionValues<typeof OPTIONS>

function checkOptions({ wait = 'stored', timeout, withdraw: isWithdrawn }: SendOptions): void {
  if (wait !== 'stored') return
  const given = timeout !== undefined ? '--timeout' : isWithdrawn ? '--withdraw' : undefined
  if (given !== undefined) throw usageError(`${given} needs a wait`, 'Add --wait taken or --wait answered.')
}

const note = (text: string): void => void process.stderr.write(`iapeer: ${text}\n`)

/** Prints what keeps the message from being given soon. */
async function reportDelivery({ id, to, state }: Receipt, isAwaited: boolean): Promise<void> {
  if (state === 'returned' || to === 'operator') return
  const { state: daemon } = await daemonStatus(iapeerRoot())
  if (daemon === 'stopped') note('no daemon is running: it is given when one runs; iapeer daemon start')
  else if (daemon === 'unresponsive')
    note('the daemon does not answer: it is given when one does; iapeer daemon restart')
  const { box } = await findMessage(iapeerRoot(), id)
  if (await isPaused(box)) note(`messages to ${to} are on hold: it is given after iapeer unhold ${to}`)
  if (isAwaited || process.stderr.isTTY === true) await reportRoute(to)
}

/** Prints that the message waits until a program reads it, or until the session is restarted. */
async function reportRoute(to: string): Promise<void> {
  const entry = await peerEntry(to)
  const sessions = await listSessions(iapeerRoot())
  const session = sessions.find(({ identity }) => matchesPeer(identity, to))
  const { kind } = await mailRoute(iapeerRoot(), entry, session)
  if (kind === 'pull')
    note(`${to} has no way of its own: the message waits until it is read (iapeer inbox ${to})`)
  else if (kind === 'old-session')
    note(`the session of ${to} was started before messages: it is given after iapeer restart ${to}`)
}

function reportSender({ kind }: MessageSender): void {
  if (kind !== 'unknown') return
  note(
    'sent as unknown: this process is in no session, and has no terminal; --as operator sends as the operator',
  )
}

/** Prints the answer on standard output, and its id on standard error. */
function printAnswer({ answer, message }: Sent): void {
  if (answer === undefined) {
    print(`${message.id} answered`)
    return
  }
  printExact(process.stdout.isTTY === true ? safeText(answer.text) : answer.text)
  for (const { path } of answer.attachments) note(`attached: ${safeText(path)}`)
  note(`${answer.id} answers ${message.id}`)
}

/** Returns what became of a message at once: `m_... to bob was returned: it takes no messages`. */
function receiptText({ id, to, state }: Sent['message'], note: string): string {
  const said = note.startsWith(`${to}: `) ? note.slice(to.length + 2) : note
  return state === 'returned' ? `${id} to ${to} was returned: ${said}` : `${id} is stored: ${said}`
}

function printSent(sent: Sent, { wait = 'stored', json }: SendOptions, receipt: Receipt): void {
  const { outcome, message, answer, notWithdrawn } = sent
  if (json) {
    const more = { outcome, isNew: receipt.isNew, note: receipt.note, notWithdrawn }
    printJson({ ...messageFields(message), ...more, answer: answer && messageFields(answer) })
  } else if (outcome === 'reached' && wait === 'answered') printAnswer(sent)
  else if (outcome === 'stored' || outcome === 'reached') print(outcomeText(sent))
  else {
    const known = reasonText(message.why)
    // The note of the receipt says more than the word in the message, while that word is the reason.
    const isSame = receipt.note !== undefined && known === reasonText(receipt.why)
    note(isSame && outcome !== 'timeout' ? receiptText(message, receipt.note) : outcomeText(sent))
  }
  if (notWithdrawn !== undefined) note(`${message.id} cannot be taken back: ${notWithdrawn}`)
  const kept = keptText(sent)
  if (kept !== undefined) process.stderr.write(`${kept}\n`)
}

export default defineCommand({
  name: 'send',
  summary: 'send a message to a peer',
  details: `The message is stored before the command ends, and is given once: when the peer
can take it, after a restart of the peer, of the daemon or of the host too.
Words and --message are visible to other users of this host in the list of
processes while the command runs; --file and - are not.

  iapeer send bob "the tests are green"
  iapeer send bob --wait answered --timeout 30m "which branch do you work on?"
  git diff | iapeer send bob --topic review -
  iapeer send ann --re m_abcdefghijklmnop "it is main"`,
  exitCodes: {
    0: 'stored, taken or answered, as asked for',
    4: 'no such peer',
    6: 'it waits, is held, is not proven to be taken, or its turn ended without an answer',
    7: 'it was returned, and will not be given',
    9: 'the time is over; it stays stored',
    130: 'interrupted; it stays stored',
  },
  args: {
    peer: { help: 'name of a peer, one of its identities (claude-bob), or operator' },
    text: {
      optional: true,
      variadic: true,
      help: 'the text; - reads standard input, which a pipe does by itself',
    },
  },
  options: OPTIONS,
  run: async ({ args: { peer, text: words }, options }) => {
    checkOptions(options)
    const caller = await callerOf(options)
    const text = await readText({ words, message: options.message, file: options.file })
    const receipt = await sendMessage(iapeerRoot(), {
      ...{ to: peer, text, sender: caller, topic: options.topic, re: options.re, runtime: options.runtime },
      ...{ priority: options.priority, expiresMs: options.expires },
      attachments: options.attach.map((path) => resolve(path)),
    })
    const { wait = 'stored', timeout: timeoutMs = DEFAULT_TIMEOUT_MS } = options
    reportSender(caller)
    await reportDelivery(receipt, wait !== 'stored')
    const isReLeftOut = receipt.note?.startsWith('re was left out') === true
    if (receipt.note !== undefined && (isReLeftOut || receipt.why === undefined)) note(receipt.note)
    const waited = await waitFor(receipt, { wait, timeoutMs, isQuiet: options.json })
    const sent = options.withdraw ? await withdraw(waited, caller) : waited
    printSent(sent, options, receipt)
    await closeAnswer(sent, caller)
    process.exitCode = OUTCOME_EXIT[sent.outcome]
  },
})
