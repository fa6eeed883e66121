import { iapeerRoot } from '@iapeer/core/paths'
import { returnMessage } from '@iapeer/lifecycle/mail'
import { defineCommand } from '../../define-command.ts'
import { EXIT } from '../../exit-code.ts'
import { print, printJson } from '../../output.ts'
import { JSON_OUTPUT } from '../options.ts'
import { AS, callerOf } from './caller.ts'
import { messageFields } from './message-json.ts'

export default defineCommand({
  name: 'mail return',
  summary: 'take back a message that was not given yet',
  details: `Its sender and the operator can do that. A message that waits is returned at
once. One that is with a session cannot be called back: it is returned when it
is certain that the session does not have it, else it counts as taken. One that
was taken is not changed. The text and the history are kept: iapeer mail show.`,
  exitCodes: {
    1: 'it was taken, or failed',
    4: 'no such message',
    6: 'it is with a session; the return is noted',
  },
  args: { id: { help: 'the id of the message' } },
  options: { as: AS, json: JSON_OUTPUT },
  run: async ({ args: { id }, options }) => {
    const { message, isReturned } = await returnMessage(iapeerRoot(), id, await callerOf(options))
    if (!isReturned) process.exitCode = EXIT.waiting
    if (options.json) return printJson({ ...messageFields(message), isReturned })
    print(
      isReturned
        ? `${message.id} is returned: it will not be given`
        : `${message.id} is with ${message.attempt?.identity ?? message.to}, and cannot be called back yet: it is returned if that does not take it`,
    )
  },
})
