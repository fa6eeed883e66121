import { iapeerRoot } from '@iapeer/core/paths'
import { compactNamed } from '@iapeer/lifecycle/fleet'
import { defineCommand } from '../../define-command.ts'
import { JSON_OUTPUT } from '../options.ts'
import { PEER } from '../peers/peer-argument.ts'
import { printControlled } from './control-text.ts'

export default defineCommand({
  name: 'compact',
  exitCodes: { 3: 'not running', 4: 'no such peer' },
  summary: 'let an idle agent summarize its conversation, as /compact in its terminal does',
  details: `The agent replaces its conversation by a summary, which uses its model. What it
has written to disk stays. An agent that works, or waits for a person, is left
alone.`,
  args: { peer: PEER },
  options: { json: JSON_OUTPUT },
  run: async ({ args: { peer }, options: { json } }) =>
    printControlled(peer, await compactNamed(iapeerRoot(), peer), {
      json,
      texts: {
        done: 'it took the command',
        'nothing-to-do': 'it has nothing to summarize',
        unconfirmed: 'the command was typed; whether it was taken is not known (iapeer attach shows it)',
      },
    }),
})
