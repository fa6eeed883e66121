import { iapeerRoot } from '@iapeer/core/paths'
import { acknowledge } from '@iapeer/lifecycle/mail'
import { defineCommand } from '../../define-command.ts'
import { exitCodeOf, explain } from '../../exit-code.ts'
import { print, printJson } from '../../output.ts'
import { JSON_LINES } from '../options.ts'
import { AS, callerOf } from './caller.ts'
import { messageFields } from './message-json.ts'

export default defineCommand({
  name: 'ack',
  summary: 'acknowledge messages: you have them, and they are not given again',
  details: `The recipient does that, or the operator. For a program without turns, and for
the operator, it closes the message: acknowledge what is done. A message that is
closed already is not changed; text and history are kept.`,
  exitCodes: { 1: 'a message is not yours, was returned, or failed', 4: 'no such message' },
  args: { id: { variadic: true, help: 'the ids of the messages' } },
  options: { as: AS, json: JSON_LINES },
  run: async ({ args: { id: ids }, options }) => {
    const caller = await callerOf(options)
    for (const id of ids) {
      try {
        const message = await acknowledge(iapeerRoot(), id, caller)
        if (options.json) printJson(messageFields(message))
        else print(`${message.id} ${message.state}`)
      } catch (error) {
        // Any error: the other messages are acknowledged nevertheless, and the exit code says that one was not.
        process.stderr.write(explain(error))
        process.exitCode = Math.max(Number(process.exitCode ?? 0), exitCodeOf(error))
      }
    }
  },
})
