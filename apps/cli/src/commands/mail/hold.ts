import { iapeerRoot } from '@iapeer/core/paths'
import { isPaused, mailboxOf, pauseMailbox, summarize } from '@iapeer/lifecycle/mail'
import { defineCommand } from '../../define-command.ts'
import { print, printJson } from '../../output.ts'
import { JSON_OUTPUT } from '../options.ts'
import { PEER } from '../peers/peer-argument.ts'
import { peerEntry } from '../peers/peer-entry.ts'
import { AS, assertOperator, callerOf } from './caller.ts'

export default defineCommand({
  name: 'hold',
  summary: 'stop giving messages to a peer',
  details: `What is sent to it is stored and waits: nothing is lost. What is with its
session already stays there, and the peer itself is not stopped. It lasts until
iapeer unhold, also over restarts.`,
  exitCodes: { 4: 'no such peer' },
  args: { peer: PEER },
  options: { as: AS, json: JSON_OUTPUT },
  run: async ({ args: { peer }, options }) => {
    assertOperator(await callerOf(options), 'puts the messages of a peer on hold')
    const entry = await peerEntry(peer)
    const box = await mailboxOf(iapeerRoot(), entry)
    const wasHeld = await isPaused(box)
    if (!wasHeld) await pauseMailbox(box)
    const summary = await summarize(box)
    if (options.json) return printJson({ peer: entry.personality, wasOnHold: wasHeld, ...summary })
    const inSession = summary.offered + summary.unsure
    const rest =
      inSession === 0
        ? ''
        : `; ${inSession} with its session already ${inSession === 1 ? 'stays' : 'stay'} there`
    print(
      `messages to ${entry.personality} are ${wasHeld ? 'already ' : ''}on hold${rest}; iapeer unhold ${entry.personality} gives them`,
    )
  },
})
