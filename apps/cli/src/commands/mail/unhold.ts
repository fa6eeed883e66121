import { iapeerRoot } from '@iapeer/core/paths'
import { isPaused, mailboxOf, resumeMailbox, summarize } from '@iapeer/lifecycle/mail'
import { defineCommand } from '../../define-command.ts'
import { print, printJson } from '../../output.ts'
import { JSON_OUTPUT } from '../options.ts'
import { PEER } from '../peers/peer-argument.ts'
import { peerEntry } from '../peers/peer-entry.ts'
import { AS, assertOperator, callerOf } from './caller.ts'

export default defineCommand({
  name: 'unhold',
  summary: 'give messages to a peer again, after iapeer hold',
  details: `What has waited is given in its order. It does not release single messages that
are held by a rule: iapeer mail release does.`,
  exitCodes: { 4: 'no such peer' },
  args: { peer: PEER },
  options: { as: AS, json: JSON_OUTPUT },
  run: async ({ args: { peer }, options }) => {
    assertOperator(await callerOf(options), 'gives messages to a peer again')
    const entry = await peerEntry(peer)
    const box = await mailboxOf(iapeerRoot(), entry)
    const wasHeld = await isPaused(box)
    if (wasHeld) await resumeMailbox(box)
    const summary = await summarize(box)
    if (options.json) return printJson({ peer: entry.personality, wasOnHold: wasHeld, ...summary })
    const { waiting } = summary
    const what = waiting === 0 ? 'none waits' : `${waiting} ${waiting === 1 ? 'waits' : 'wait'}`
    print(
      wasHeld
        ? `messages are given to ${entry.personality} again; ${what}`
        : `messages to ${entry.personality} are not on hold`,
    )
  },
})
