import { isClosed } from '@iapeer/core/mailbox'
import { iapeerRoot } from '@iapeer/core/paths'
import { isHeld, isPaused, listInbox, type MessageView } from '@iapeer/lifecycle/mail'
import { defineCommand } from '../../define-command.ts'
import { withLongOutput } from '../../long-output.ts'
import { jsonText, onReaderGone } from '../../output.ts'
import { callerOf, ownName } from './caller.ts'
import { followInbox } from './follow-inbox.ts'
import { ALL, LIST_OPTIONS, MAILBOX, newest } from './list-options.ts'
import { mailboxNamed } from './mailbox-named.ts'
import { messageFields } from './message-json.ts'
import { messageScreen } from './message-screen.ts'

export default defineCommand({
  name: 'inbox',
  summary: 'print the messages for you, or for a peer',
  details: `Prints the messages that are not closed, the oldest first: yours at a terminal,
those of the peer inside a session. It changes nothing: iapeer ack closes a
message. A program without a way of its own runs iapeer inbox --follow --json,
which prints each message once, and acknowledges with iapeer ack. A message that
is held, and those of a peer on hold, are printed for the operator only.`,
  exitCodes: { 4: 'no such peer' },
  args: { peer: MAILBOX },
  options: {
    all: ALL,
    follow: { short: 'f', help: 'keep printing new messages' },
    ...LIST_OPTIONS,
  },
  run: async ({ args: { peer }, options }) => {
    const caller = await callerOf(options)
    const name = peer ?? ownName(caller)
    const box = await mailboxNamed(name)
    const isForOperator = caller.kind === 'operator'
    const isShown = async (message: MessageView): Promise<boolean> =>
      isForOperator || message.state !== 'waiting' || !(isHeld(message) || (await isPaused(box)))
    const textOf = (message: MessageView): string =>
      options.json ? jsonText(messageFields(message)) : `${messageScreen(message, options)}\n`
    if (options.follow) {
      const ended = new AbortController()
      onReaderGone(() => ended.abort())
      const query = { isAll: options.all, limit: options.number, signal: ended.signal }
      for await (const message of followInbox(box, { ...query, isShown }))
        process.stdout.write(textOf(message))
      return
    }
    const found = await listInbox(iapeerRoot(), name, { all: options.all })
    const shown: MessageView[] = []
    for (const message of found) if (await isShown(message)) shown.push(message)
    const messages = newest(shown, options.number)
    await withLongOutput(!options.noPager && !options.json, async (output) => {
      for (const message of messages) if (!(await output.write(textOf(message)))) break
      if (messages.length === 0 && !options.json)
        await output.print(`no ${options.all ? '' : 'open '}messages for ${name}`)
      else if (
        !options.json &&
        process.stdout.isTTY === true &&
        name === 'operator' &&
        messages.some((one) => !isClosed(one))
      )
        await output.print('iapeer ack ID closes a message; iapeer send NAME --re ID TEXT answers it')
    })
  },
})
