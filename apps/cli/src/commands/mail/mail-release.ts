import { iapeerRoot } from '@iapeer/core/paths'
import { releaseMessage } from '@iapeer/lifecycle/mail'
import { defineCommand } from '../../define-command.ts'
import { print, printJson } from '../../output.ts'
import { JSON_OUTPUT } from '../options.ts'
import { AS, callerOf } from './caller.ts'
import { messageFields } from './message-json.ts'

export default defineCommand({
  name: 'mail release',
  summary: 'release a held message: it is given when its recipient can take it',
  details: `A message is held by the rules of its recipient, because too many messages have
caused one another, because of a rate, or because two sessions died with it.
Only the operator releases it. Its text, its order and its history are kept.`,
  exitCodes: { 4: 'no such message' },
  args: { id: { help: 'the id of the message' } },
  options: { as: AS, json: JSON_OUTPUT },
  run: async ({ args: { id }, options }) => {
    const message = await releaseMessage(iapeerRoot(), id, await callerOf(options))
    if (options.json) return printJson(messageFields(message))
    print(`${message.id} is released: ${message.to} gets it when it can`)
  },
})
