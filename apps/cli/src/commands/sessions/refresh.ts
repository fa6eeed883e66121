import { defineCommand } from '../../define-command.ts'
import { JSON_OUTPUT, STOP_TIMEOUT } from '../options.ts'
import { PEER } from '../peers/peer-argument.ts'
import { resumePeer } from './restart.ts'

/** The name of `restart` in earlier versions. */
export default defineCommand({
  name: 'refresh',
  summary: 'restart a running peer and resume the conversation that it is in',
  hidden: true,
  args: { peer: PEER },
  options: { timeout: STOP_TIMEOUT, json: JSON_OUTPUT },
  run: async ({ args, options }) => {
    await resumePeer(args.peer, options)
  },
})
