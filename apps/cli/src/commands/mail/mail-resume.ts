import { iapeerRoot } from '@iapeer/core/paths'
import { releaseStarts, startsHeldSince } from '@iapeer/lifecycle/mail'
import { defineCommand } from '../../define-command.ts'
import { print, printJson } from '../../output.ts'
import { timeText } from '../../times.ts'
import { JSON_OUTPUT } from '../options.ts'
import { AS, assertOperator, callerOf } from './caller.ts'

export default defineCommand({
  name: 'mail resume',
  summary: 'let messages start peers again after a mass death',
  details: `When three or more peers die within a minute, messages start no peers until a
person has looked: what killed them would kill them again. This command allows
the starts. Messages for peers that run are given all the time, and none is
lost. Restarts that are held after a mass death (three or more peers within ten
seconds) stay held: iapeer start --all allows both.`,
  options: { as: AS, json: JSON_OUTPUT },
  run: async ({ options }) => {
    assertOperator(await callerOf(options), 'lets messages start peers again')
    const since = await startsHeldSince(iapeerRoot())
    if (since !== undefined) await releaseStarts(iapeerRoot())
    if (options.json) return printJson({ wasHeld: since !== undefined, since })
    print(
      since === undefined
        ? 'nothing to do: messages start peers'
        : `messages start peers again; they did not since ${timeText(since)}`,
    )
  },
})
