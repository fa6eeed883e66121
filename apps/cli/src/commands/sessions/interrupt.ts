import { iapeerRoot } from '@iapeer/core/paths'
import { interruptNamed } from '@iapeer/lifecycle/fleet'
import { defineCommand } from '../../define-command.ts'
import { JSON_OUTPUT } from '../options.ts'
import { PEER } from '../peers/peer-argument.ts'
import { printControlled } from './control-text.ts'

export default defineCommand({
  name: 'interrupt',
  exitCodes: { 3: 'not running', 4: 'no such peer' },
  summary: 'interrupt what an agent is doing, as Escape in its terminal does; it keeps running',
  details: `Where a dialog waits for a person, no key is pressed: it would answer that.
Messages that the agent has taken stay taken; new ones wait for 30 seconds.`,
  args: { peer: PEER },
  options: { json: JSON_OUTPUT },
  run: async ({ args: { peer }, options: { json } }) =>
    printControlled(peer, await interruptNamed(iapeerRoot(), peer), {
      json,
      texts: {
        done: 'interrupted',
        'nothing-to-do': 'it was not working',
        unconfirmed: 'the key was sent; whether it was interrupted is not known (iapeer attach shows it)',
      },
    }),
})
