import { iapeerRoot } from '@iapeer/core/paths'
import { isReservedName } from '@iapeer/core/registry'
import { listOutbox, type MessageView } from '@iapeer/lifecycle/mail'
import { defineCommand } from '../../define-command.ts'
import { withLongOutput } from '../../long-output.ts'
import { jsonText, paint, plain } from '../../output.ts'
import { table, tableWidth, widthOf } from '../../table.ts'
import { ageText, type TimeOptions } from '../../times.ts'
import { wrap } from '../../wrap.ts'
import { peerEntry } from '../peers/peer-entry.ts'
import { callerOf, ownName } from './caller.ts'
import { ALL, LIST_OPTIONS, MAILBOX, newest } from './list-options.ts'
import { messageFields } from './message-json.ts'
import { paintedState, reasonText, stateWord } from './message-text.ts'

const MIN_WIDTH = 20

/** Returns why a message is in its state, else what it is about. */
const why = ({ why: reason, topic, answeredBy, death }: MessageView): string =>
  [
    reasonText(reason),
    answeredBy === undefined ? undefined : `by ${answeredBy}`,
    death === undefined ? undefined : `iapeer autopsy ${death}`,
    reason === undefined && topic !== undefined ? plain(topic) : undefined,
  ]
    .filter((text) => text !== undefined)
    .join('; ')

/** Formats messages as a table; on a narrow terminal each has lines of its own. */
function outboxText(messages: readonly MessageView[], columns: number, times: TimeOptions): string {
  const head = ['MESSAGE', 'TO', 'STATE', 'AGE', 'WHY'].map((word) => paint('dim', word))
  const cells = messages.map((message) => {
    const { id, to, at } = message
    return [id, plain(to), paintedState(stateWord(message)), ageText(at, times), why(message)]
  })
  const wide = table([head, ...cells])
  if (wide.split('\n').every((line) => widthOf(line) <= columns)) return wide
  return cells
    .map(([id = '', ...rest]) =>
      [
        id,
        ...wrap(rest.filter((cell) => cell !== '').join(', '), Math.max(MIN_WIDTH, columns - 2)).map(
          (line) => `  ${line}`,
        ),
      ].join('\n'),
    )
    .join('\n')
}

export default defineCommand({
  name: 'outbox',
  summary: 'list the messages that you, or a peer, have sent',
  details: `Lists those that are not closed, the oldest first, with their state, their age
and why. --all also lists what was handled, answered or returned. It changes
nothing.`,
  exitCodes: { 4: 'no such peer' },
  args: { peer: MAILBOX },
  options: {
    all: ALL,
    ...LIST_OPTIONS,
  },
  run: async ({ args: { peer }, options }) => {
    const { all, number: count } = options
    const name = await senderNamed(peer, options)
    const found = await listOutbox(iapeerRoot(), name, { all })
    const messages = newest(found, count)
    await withLongOutput(!options.noPager && !options.json, async (output) => {
      if (options.json) for (const message of messages) await output.write(jsonText(messageFields(message)))
      else if (messages.length > 0)
        await output.print(outboxText(messages, tableWidth(), { utc: options.utc }))
      else if (all) await output.print(`no messages from ${name}`)
      else await output.print(`no open messages from ${name}; --all also lists those that are closed`)
    })
  },
})

/** Returns the name under which messages were sent. */
async function senderNamed(
  peer: string | undefined,
  options: Parameters<typeof callerOf>[0],
): Promise<string> {
  if (peer === undefined) return ownName(await callerOf(options))
  return isReservedName(peer) ? peer : (await peerEntry(peer)).personality
}
