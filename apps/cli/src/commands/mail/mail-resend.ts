import { iapeerRoot } from '@iapeer/core/paths'
import { resendMessage } from '@iapeer/lifecycle/mail'
import { defineCommand } from '../../define-command.ts'
import { EXIT } from '../../exit-code.ts'
import { print, printJson } from '../../output.ts'
import { JSON_OUTPUT } from '../options.ts'
import { AS, callerOf } from './caller.ts'

export default defineCommand({
  name: 'mail resend',
  summary: 'send the text and files of a message again, as a new message',
  details: `The old message is not changed. If it was given, its recipient gets the same
text a second time. Its sender and the operator can do that, while its text is
kept.`,
  exitCodes: { 4: 'no such message', 6: 'the new message is held', 7: 'the new message was returned' },
  args: { id: { help: 'the id of the message' } },
  options: { as: AS, json: JSON_OUTPUT },
  run: async ({ args: { id }, options }) => {
    const receipt = await resendMessage(iapeerRoot(), id, await callerOf(options))
    const { state, note, why, to } = receipt
    if (state === 'returned') process.exitCode = EXIT.returned
    else if (why?.startsWith('held:') === true) process.exitCode = EXIT.waiting
    if (options.json) return printJson({ ...receipt, resendOf: id })
    const said = note === undefined ? '' : `: ${note}`
    print(`${receipt.id} ${state === 'returned' ? 'was returned' : `stored for ${to}`}${said}`)
  },
})
